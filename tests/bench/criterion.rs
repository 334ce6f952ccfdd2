//! The time of what `instructions` counts: `cargo bench -p kinto-bench --features criterion`.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use criterion::{Criterion, criterion_group, criterion_main};
use kinto_bench::WORKLOADS;

fn core(criterion: &mut Criterion) {
    for (name, workload) in WORKLOADS {
        let mut workload = workload();
        assert!(workload(), "{name}");
        criterion.bench_function(name, |bencher| bencher.iter(&mut workload));
    }
}

criterion_group!(benches, core);
criterion_main!(benches);
