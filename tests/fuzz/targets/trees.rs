//! Configurations in YAML: what is read is written, and read again as the same.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Import, YamlTree, bucket};

use super::bench;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let tree = match YamlTree::parse(&text) {
        Ok(tree) => tree,
        Err(error) => return bench::look_at_line(&error),
    };
    same(&tree);
    let mut twice = tree.clone();
    twice.merge(tree.clone());
    assert_eq!(twice.buckets().count(), tree.buckets().count());
    same(&twice);
    let names: Vec<String> = tree.buckets().map(str::to_owned).collect();
    let server = MemoryServer::new();
    let imported = server.send(Import::new().permissions().tree(tree.clone()));
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => return bench::look_at_line(&error),
    };
    bench::look_for_control(&imported.to_string());
    if !imported.is_success() {
        return;
    }
    let again = server.send(Import::new().permissions().tree(tree)).expect("what was written once");
    assert_eq!(again.changed(), 0, "{again}: {text}");
    for name in names {
        match server.send(bucket(&name).export().record_permissions().into_tree()) {
            Ok(tree) => same(&tree),
            Err(error) => bench::look_at_line(&error),
        }
    }
}

fn same(tree: &YamlTree) {
    let written = tree.to_string();
    match YamlTree::parse(&written) {
        Ok(read) => assert_eq!(read, *tree, "{written}"),
        Err(error) => panic!("{error}: {written}"),
    }
}
