//! Configurations as trees in YAML, to a server and back.

use std::sync::{Arc, Mutex};

use kinto_protocol::{
    Attributes, EVERYONE, ErrorKind, ExportSoFar, Import, Imported, JsonMap, Object, Permissions, Plan, Status,
    YamlTree, bucket, buckets,
};
use kinto_tests::KintoServer;
use serde_json::{Value, json};

use crate::context::{Kinto, refused};
use crate::driver::Driver;
use crate::exports::{Files, filled};

pub(crate) fn tree(text: &str) -> YamlTree {
    YamlTree::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What came of an import in which nothing failed.
pub(crate) fn imported<D: Driver>(client: &D, import: Import, tree: &YamlTree) -> String {
    let imported: Imported = client.send(import.tree(tree.clone())).unwrap();
    assert!(imported.is_success(), "{imported}: {:?}", imported.failures);
    imported.to_string()
}

/// A text without what another bucket cannot have.
pub(crate) fn elsewhere(text: &str, id: &str) -> YamlTree {
    let text = text.replace(id, "elsewhere");
    let lines =
        text.lines().filter(|line| !["schema: 1", "last_modified: "].iter().any(|it| line.trim().starts_with(it)));
    tree(&lines.map(|line| format!("{line}\n")).collect::<String>())
}

pub(crate) fn there_and_back<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let read = || kinto.alice.send(bucket.export().record_permissions().page_size(2).into_tree()).unwrap();
    let (whole, lines) = (read(), kinto.alice.exported(bucket.export()));
    let text = whole.to_string();
    assert_eq!(tree(&text), whole, "{text}");

    let copy = kinto.other("copy");
    let import = || Import::new().into_bucket(&copy).permissions().keep_timestamps();
    assert_eq!(imported(&kinto.alice, import().dry_run(), &whole), "13 created");
    assert_eq!(imported(&kinto.alice, import(), &whole), "13 created");
    let export = || self::bucket(&copy).export().record_permissions();
    let copied = kinto.alice.send(export().into_tree()).unwrap().to_string();
    assert_eq!(elsewhere(&copied, &copy), elsewhere(&text, &kinto.id));
    assert!(copied.contains(&format!("- /buckets/{copy}/groups/staff\n")), "groups are those of the copy: {copied}");

    // Nothing is written once more, there and where it comes from, whatever is asked for.
    let before = kinto.alice.exported(export());
    for import in [import(), Import::new().into_bucket(&copy), import().delete_extra()] {
        assert_eq!(imported(&kinto.alice, import, &tree(&text)), "13 unchanged");
    }
    assert_eq!(kinto.alice.exported(export()), before);
    for import in [Import::new(), Import::new().permissions().keep_timestamps().delete_extra()] {
        assert_eq!(imported(&kinto.alice, import, &whole), "13 unchanged");
    }
    assert_eq!((read(), kinto.alice.exported(bucket.export())), (whole.clone(), lines));

    // A collection alone names its bucket, and is no reason to touch that.
    let posts = kinto.alice.send(bucket.collection("posts").export().into_tree()).unwrap();
    let import = Import::new().rename_collection("posts", "articles").permissions();
    assert_eq!(imported(&kinto.alice, import, &posts), "7 created, 1 unchanged");
}

pub(crate) fn what_is_not_named<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let read = || kinto.alice.send(bucket.export().record_permissions().into_tree()).unwrap();
    let before = read();
    let import = |text: &str| {
        let text = text.replace("BUCKET", &kinto.id);
        let told = imported(&kinto.alice, Import::new().permissions(), &tree(&text));
        let objects = told.split(", ").map(|it| it.split(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>();
        let again = imported(&kinto.alice, Import::new().permissions(), &tree(&text));
        assert_eq!(again, format!("{objects} unchanged"), "{text}");
        told
    };
    // What is only named, and what is said of it as it is.
    for text in [
        "buckets: {BUCKET: }",
        "buckets: {BUCKET: {data: {}, permissions: {}, groups: {}, collections: {}}}",
        "buckets: {BUCKET: {data: {title: all kinds}, permissions: {read: [system.Everyone]}}}",
        "buckets: {BUCKET: {data: {id: BUCKET, last_modified: 1}, permissions: {write: []}}}",
        "buckets: {BUCKET: {groups: {staff: {data: {members: [account:bob]}}, nobody: {data: {members: []}}}}}",
        "buckets: {BUCKET: {collections: {posts: {data: {sort: -x, schema: {}}, records: {}}, empty: }}}",
        "buckets: {BUCKET: {collections: {posts: {records: {shared: {permissions: {read: [account:carol, /buckets/BUCKET/groups/staff]}}}}}}}",
        "buckets: {BUCKET: {collections: {posts: {records: {shared: {data: {x: 1.0}, permissions: {}}}}}}}",
    ] {
        let told = import(text);
        assert!(told.ends_with(" unchanged") && !told.contains(','), "{text}: {told}");
    }
    let records = |tree: &YamlTree| tree.to_string();
    assert_eq!(records(&read()), records(&before), "nothing was written");

    // What is named is written, and nothing else.
    let shown = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&shown);
    let show = move |plan: &Plan| lines.lock().unwrap().extend(plan.changes().map(ToString::to_string));
    let text = "
buckets:
  BUCKET:
    data: {more: 1}
    permissions:
      read: []
    groups:
      staff: {data: {members: [account:ana]}}
      new: {permissions: {read: [account:ana]}}
    collections:
      posts:
        data: {sort: title, cache: null}
        records:
          shared: {data: {y: 2}}
          numbers: {permissions: {read: [account:ana]}}
          new:
      made: {records: {first: {data: {n: 1}}}}
";
    let named = tree(&text.replace("BUCKET", &kinto.id));
    let planned = Import::new().permissions().dry_run().show(show);
    assert_eq!(imported(&kinto.alice, planned, &named), "4 created, 5 updated");
    assert!(shown.lock().unwrap().contains(&"~ staff\n    members: [\"account:bob\"] → [\"account:ana\"]".to_owned()));
    assert_eq!(read(), before, "a dry run writes nothing");
    assert_eq!(import(text), "4 created, 5 updated");

    let mine = |permissions: Permissions| Some(permissions.write(["account:alice"]));
    let data = |object: Object<JsonMap>, names: &[&str]| {
        let field = |name: &&str| ((*name).to_owned(), object.data.get(*name).cloned().unwrap_or("none".into()));
        (Value::from(names.iter().map(field).collect::<JsonMap>()), object.permissions)
    };
    let staff = format!("/buckets/{}/groups/staff", kinto.id);
    let made = kinto.alice.send(buckets().get(&kinto.id)).unwrap();
    let expected =
        (json!({"title": "all kinds", "more": 1}), mine(Permissions::new().grant("collection:create", [&staff])));
    assert_eq!(data(made, &["title", "more"]), expected);
    let groups = bucket.groups().typed::<JsonMap>();
    let group = kinto.alice.send(groups.get("staff")).unwrap();
    assert_eq!(data(group, &["members", "note"]).0, json!({"members": ["account:ana"], "note": "staff"}));
    let group = kinto.alice.send(groups.get("new")).unwrap();
    assert_eq!(group.permissions, mine(Permissions::new().read(["account:ana"])));
    let posts = kinto.alice.send(bucket.collections().typed::<JsonMap>().get("posts")).unwrap();
    let permissions = mine(Permissions::new().write([&staff]).grant("record:create", [EVERYONE]));
    let expected = (json!({"sort": "title", "cache": null, "schema": {}}), permissions);
    assert_eq!(data(posts, &["sort", "cache", "schema"]), expected);
    let posts = bucket.collection("posts").records();
    let shared = kinto.alice.send(posts.get("shared")).unwrap();
    let read = mine(Permissions::new().read([staff.as_str(), "account:carol"]));
    assert_eq!(data(shared, &["x", "y"]), (json!({"x": "none", "y": 2}), read), "a record is what its data are");
    let numbers = kinto.alice.send(posts.get("numbers")).unwrap();
    assert_eq!(numbers.permissions, mine(Permissions::new().read(["account:ana"])));
    assert_eq!(numbers.data["n"][1], -1, "and without data it keeps its own");
    assert!(kinto.alice.send(posts.exists("new")).unwrap());
    assert_eq!(kinto.alice.send(bucket.collection("made").records().get("first")).unwrap().data["n"], 1);

    // Without being asked for, permissions are left alone.
    let text = format!("buckets: {{{}: {{permissions: {{read: [account:bob]}}}}}}", kinto.id);
    assert_eq!(imported(&kinto.alice, Import::new(), &tree(&text)), "1 unchanged");
}

pub(crate) fn who_may_not_see_what_it_is_in<D: Files>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let share = kinto.bucket().collections().share("c", Permissions::new().write(["account:bob"]));
    kinto.alice.send(share).unwrap();
    let text = format!("buckets: {{{}: {{collections: {{c: {{records: {{a: {{data: {{n: 1}}}}}}}}}}}}}}", kinto.id);
    assert_eq!(imported(&kinto.bob, Import::new(), &tree(&text)), "1 created, 2 unchanged");
    assert_eq!(kinto.bob.send(records.get("a")).unwrap().data["n"], 1);
    // What one is not allowed to write is told all the same.
    for part in ["data: {n: 1}", "permissions: {read: [account:bob]}", "collections: {d: }"] {
        let text = format!("buckets: {{{}: {{{part}}}}}", kinto.id);
        // Some are told that it is there already, and others nothing.
        match kinto.bob.send(Import::new().permissions().tree(tree(&text))) {
            Ok(imported) => assert_eq!((imported.changed(), imported.failures[0].status), (0, Status::Conflict)),
            Err(error) => assert_eq!(error.status().map(|status| status.as_u16()), Some(403), "{part}: {error}"),
        }
    }
    // By inheritance she writes it, and does not see its permissions.
    kinto.bob.send(records.create("bobs", &json!({}))).unwrap();
    let text = text.replace("a: {data: {n: 1}}", "bobs: {permissions: {read: [account:carol]}}");
    let error = refused(kinto.alice.send(Import::new().permissions().tree(tree(&text))));
    assert!(error.to_string().contains("its permissions are not visible to the caller"), "{error}");
    assert_eq!(imported(&kinto.alice, Import::new(), &tree(&text)), "3 unchanged");
}

/// Where it is not told that a bucket is there, even to those who want to make it.
pub(crate) fn who_may_not_make_buckets<D: Files>(kinto: &Kinto<D>) {
    let server = KintoServer::builder(kinto.backend).setting("kinto.bucket_create_principals", "account:admin");
    let server = server.start().unwrap();
    let kinto = &Kinto::<D>::at(kinto.backend, server.url(), &["admin", "bob"]);
    kinto.admin.send(buckets().create(&kinto.id, &json!({}))).unwrap();
    let writers = Permissions::new().write(["account:bob"]);
    kinto.admin.send(kinto.bucket().collections().create("c", &json!({})).permissions(writers)).unwrap();
    let text = format!("buckets: {{{}: {{collections: {{c: {{records: {{a: {{data: {{n: 1}}}}}}}}}}}}}}", kinto.id);
    assert_eq!(imported(&kinto.bob, Import::new(), &tree(&text)), "1 created, 2 unchanged");
    assert_eq!(imported(&kinto.bob, Import::new().permissions(), &tree(&text)), "3 unchanged");
    for text in [text.replace("{collections", "{data: {n: 1}, collections"), text.replace(&kinto.id, "none")] {
        let error = refused(kinto.bob.send(Import::new().tree(tree(&text))));
        assert_eq!(error.status().map(|status| status.as_u16()), Some(403), "{text}: {error}");
    }
}

pub(crate) fn records_that_are_extra<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let ids = |collection: &str| {
        let list = kinto.alice.send(bucket.collection(collection).records().list().sort("id")).unwrap();
        list.items.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    let import = |import: Import, collections: &str| {
        let text = format!("buckets: {{{}: {{groups: {{}}, collections: {{{collections}}}}}}}", kinto.id);
        imported(&kinto.alice, import.delete_extra(), &tree(&text))
    };
    // Of what the tree does not have, only records go, and these only where it has records.
    assert_eq!(import(Import::new(), "posts: , batch-s: {data: {}}"), "3 unchanged");
    let some = "posts: {records: {text: , shared: {data: {x: 1}}, new: }}, batch-s: ";
    assert_eq!(import(Import::new().dry_run(), some), "1 created, 4 deleted, 5 unchanged");
    assert_eq!(ids("posts").len(), 6, "a dry run deletes nothing");
    assert_eq!(import(Import::new(), some), "1 created, 4 deleted, 5 unchanged");
    assert_eq!(
        (ids("posts"), ids("batch-s")),
        (vec!["new".into(), "shared".into(), "text".into()], vec!["one".into()])
    );
    assert_eq!(import(Import::new(), "posts: {records: {}}"), "3 deleted, 2 unchanged");
    assert_eq!((ids("posts").len(), ids("batch-s").len()), (0, 1));
    let collections = kinto.alice.send(bucket.collections().list()).unwrap().items;
    let groups = kinto.alice.send(bucket.groups().list()).unwrap().items;
    assert_eq!((collections.len(), groups.len()), (3, 2));
    // Under another name it is the other that is looked through.
    let renamed = Import::new().rename_collection("other", "batch-s");
    assert_eq!(import(renamed, "other: {records: {}}"), "1 deleted, 2 unchanged");
}

pub(crate) fn several_buckets<D: Files>(kinto: &Kinto<D>) {
    let (one, two) = (kinto.other("one"), kinto.other("two"));
    let mut all = tree(&format!("buckets: {{{one}: {{data: {{n: 1}}, collections: {{c: {{records: {{a: }}}}}}}}}}"));
    all.merge(tree(&format!("buckets: {{{two}: {{data: {{n: 2}}, collections: {{c: {{records: {{b: }}}}}}}}}}")));
    let error = refused(kinto.alice.send(Import::new().into_bucket("x").tree(all.clone())));
    assert!(error.to_string().contains("the tree has 2 buckets, and all would go into one"), "{error}");
    assert_eq!(imported(&kinto.alice, Import::new(), &all), "6 created");
    let mut read = kinto.alice.send(bucket(&one).export().into_tree()).unwrap();
    read.merge(kinto.alice.send(bucket(&two).export().into_tree()).unwrap());
    assert_eq!(read.buckets().collect::<Vec<_>>(), [&one, &two]);
    assert_eq!(
        imported(&kinto.alice, Import::new().permissions().delete_extra(), &tree(&read.to_string())),
        "6 unchanged"
    );
    for (id, n) in [(&one, 1), (&two, 2)] {
        assert_eq!(kinto.alice.send(buckets().get(id)).unwrap().data["n"], n);
    }
}

pub(crate) fn many_records<D: Files>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let record = |n: usize| format!("          r{n}: {{data: {{n: {n}, last_modified: {}}}}}\n", 2000 - n);
    let mut text = format!("buckets:\n  {}:\n    collections:\n      c:\n        records:\n", kinto.id);
    (0..250).for_each(|n| text += &record(n));
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let import = Import::new().keep_timestamps().progress(move |so_far| heard.lock().unwrap().push(so_far.created));
    assert_eq!(imported(&kinto.alice, import, &tree(&text)), "251 created, 1 unchanged");
    assert_eq!(*told.lock().unwrap(), [0, 1, 101, 201, 251]);
    let list = kinto.alice.send(kinto.bucket().collection("c").records().list().sort("n")).unwrap().items;
    let found: Vec<_> = list.iter().map(|it| (it.data["n"].as_i64(), it.last_modified.as_millis())).collect();
    assert_eq!(found, (0..250).map(|n| (Some(n), 2000 - n)).collect::<Vec<_>>());
    let records = kinto.bucket().collection("c").records();
    kinto.alice.send(records.patch("r7", Attributes::new(&json!({"n": 0, "x": 0})))).unwrap();
    kinto.alice.send(records.delete("r8")).unwrap();
    assert_eq!(imported(&kinto.alice, Import::new(), &tree(&text)), "1 created, 1 updated, 250 unchanged");
}

pub(crate) fn what_is_no_whole_tree<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let lines = kinto.alice.exported(bucket.export());
    let mut so_far = ExportSoFar::new();
    so_far.take(&lines.as_bytes()[..lines.len() / 2]).unwrap();
    let error = refused(kinto.alice.send(bucket.export().resume(&so_far).unwrap().into_tree()));
    assert!(error.to_string().contains("begin anew"), "{error}");
    let mut import = Import::new();
    import.take(lines.lines().next().unwrap().as_bytes()).unwrap();
    import.take(b"\n").unwrap();
    let error = refused(kinto.alice.send(import.tree(YamlTree::default())));
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    assert_eq!(imported(&kinto.alice, Import::new().delete_extra(), &YamlTree::default()), "nothing to do");
    let error = refused(kinto.alice.send(self::bucket(&kinto.other("none")).export().into_tree()));
    assert!(matches!(error.status().map(|status| status.as_u16()), Some(403 | 404)), "{error}");
}
