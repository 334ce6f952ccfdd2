//! Trees out of text, and text out of trees.

mod reading;
mod writing;

use serde_json::{Value, json};

use super::YamlTree;
use crate::ErrorKind;
use crate::archive::line::ExportLine;

/// A tree with one record of this data.
fn with(data: &Value) -> YamlTree {
    let object = json!({"path": "/buckets/b/collections/c/records/r", "data": data}).to_string();
    taken(&[&object])
}

fn taken(lines: &[&str]) -> YamlTree {
    let mut tree = YamlTree::default();
    for line in lines {
        let ExportLine::Object(object) = ExportLine::parse(line).unwrap() else { panic!("{line}") };
        tree.take(object).unwrap();
    }
    tree
}

fn again(tree: &YamlTree) -> YamlTree {
    let text = tree.to_string();
    YamlTree::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refused(text: &str) -> String {
    let error = YamlTree::parse(text).map(|tree| panic!("{text}: {tree:?}")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn what_is_no_tree() {
    for (text, why) in [
        ("", "nothing stands in it"),
        ("# nothing\n", "nothing stands in it"),
        ("--- {}", "line 1: it is no tree: it has no member \"buckets\""),
        ("[]", "line 1: the tree must be a map of names"),
        ("buckets:\n", "line 1: what stands in /buckets must be a map of names, and nothing stands there"),
        ("buckets: []", "line 1: what stands in /buckets must be a map"),
        ("a: 1\nbuckets: {}", "line 1: \"a\" is not known of the tree, of which buckets can be told"),
        (
            "buckets:\n  blog:\n    colections:\n      posts: {}\n",
            "line 4: \"colections\" is not known of /buckets/blog, of which data, permissions, groups and collections",
        ),
        ("buckets: {b: {records: {}}}", "\"records\" is not known of /buckets/b"),
        ("buckets: {b: {collections: {c: {groups: {}}}}}", "\"groups\" is not known of /buckets/b/collections/c"),
        ("buckets: {b: {groups: {g: {members: []}}}}", "\"members\" is not known of /buckets/b/groups/g"),
        ("buckets: {b: {collections: {c: {records: {r: {title: x}}}}}}", "\"title\" is not known of /buckets/b/coll"),
        ("buckets: {b: {data: x}}", "the data of /buckets/b must be a map"),
        ("buckets:\n  b:\n    collections:\n      c:\n        records:\n", "line 5: what stands in /buckets/b/coll"),
        ("buckets:\n  b:\n    data:\n", "line 3: the data of /buckets/b must be a map of names, and nothing stands"),
        ("buckets:\n  b:\n    permissions:\n", "line 3: the permissions of /buckets/b must be a map"),
        (
            "buckets: {b: {permissions: {read: x}}}",
            "\"read\" among the permissions of /buckets/b must be a list of texts",
        ),
        ("buckets: {b: {permissions: {read: [1]}}}", "must be a list of texts"),
        ("buckets:\n  b:\n    data: {id: c}\n", "line 3: the data of /buckets/b say that it has another id"),
        ("buckets: {b: {groups: {g: {data: {id: 1}}}}}", "the data of /buckets/b/groups/g say that it has another id"),
        ("buckets:\n  'a/b': {}\n", "line 2: "),
        ("buckets: {b: {collections: {'': {}}}}", "line 1: "),
        ("buckets:\n  b: {}\n  b: {}\n", "line 3: \"b\" stands here twice"),
        ("buckets: {}\n---\nbuckets: {}\n", "line 2: a second document begins"),
    ] {
        let error = refused(text);
        assert!(error.contains(why), "{text}: {error}");
    }
    for fine in ["buckets: {}", "\u{feff}buckets: {}\n...\n", "%YAML 1.2\n--- # x\nbuckets:\n  b:\n  c: ~\n"] {
        YamlTree::parse(fine).unwrap();
    }
    YamlTree::parse("buckets: {default: {data: {id: 0b1c}}}").unwrap();
}

#[test]
fn as_the_wizard_writes_it() {
    let dump = "buckets:
  blog:
    collections:
      posts:
        permissions:
          write:
          - basicauth:631c
        data:
          sort: -x
          id: posts
          last_modified: 1699999992000
          yes: 'no'
        records:
          '1':
            data:
              text: \"two\\nlines, and one that is longer than the eighty characters that it
                puts on a line\"
              list:
              - a: 1
                b: []
              - {}
              when: '2020-01-01'
              big: 1.5e+300
              id: '1'
            permissions: {}
    groups:
      staff:
        permissions: {}
        data:
          members: []
    permissions: {}
";
    let tree = YamlTree::parse(dump).unwrap();
    let expected = "buckets:
  blog:
    groups:
      staff:
        data:
          members: []
    collections:
      posts:
        data:
          id: posts
          last_modified: 1699999992000
          sort: \"-x\"
          \"yes\": \"no\"
        permissions:
          write:
            - basicauth:631c
        records:
          \"1\":
            data:
              big: 1.5e+300
              id: \"1\"
              list:
                - a: 1
                  b: []
                - {}
              text: \"two\\nlines, and one that is longer than the eighty characters that it puts on a line\"
              when: \"2020-01-01\"
            permissions: {}
";
    assert_eq!(tree.to_string(), expected);
    assert_eq!(again(&tree), tree);
}

#[test]
fn out_of_the_lines_of_an_export() {
    let bucket = r#"{"path":"/buckets/b","data":{"id":"b"},"permissions":{"write":["me"],"group:create":["é","a"]}}"#;
    let group = r#"{"path":"/buckets/b/groups/g","data":{"members":["me"]},"permissions":null}"#;
    let collection = r#"{"path":"/buckets/b/collections/c","data":{},"permissions":null}"#;
    let old = r#"{"path":"/buckets/b/collections/c/records/r","data":{"no":1}}"#;
    let new = r#"{"path":"/buckets/b/collections/c/records/r","data":{"no":2,"of":1},"permissions":{"read":["x"]}}"#;
    let tree = taken(&[bucket, group, collection, old, new]);
    let expected = "buckets:
  b:
    data:
      id: b
    permissions:
      group:create:
        - a
        - \"é\"
      write:
        - me
    groups:
      g:
        data:
          members:
            - me
    collections:
      c:
        data: {}
        records:
          r:
            data:
              \"no\": 2
              of: 1
            permissions:
              read:
                - x
";
    assert_eq!(tree.to_string(), expected);
    assert_eq!(again(&tree), tree);
    assert_eq!(taken(&[bucket]).to_string().lines().last(), Some("    collections: {}"));
    assert_eq!(
        taken(&[collection]).to_string(),
        "buckets:\n  b:\n    collections:\n      c:\n        data: {}\n        records: {}\n"
    );
    assert_eq!(YamlTree::default().to_string(), "buckets: {}\n");
}

#[test]
fn two_in_one() {
    let mut one = YamlTree::parse(
        "buckets: {a: {data: {x: 1, y: 1}, permissions: {read: [x]}, collections: {c: {records: {r: {data: {n: 1}}}}}}}",
    )
    .unwrap();
    let other = YamlTree::parse(
        "buckets: {a: {data: {x: 2}, groups: {g: }, collections: {c: {records: {r: {data: {}}, s: }}, d: }}, b: }",
    );
    one.merge(other.unwrap());
    let both = "buckets: {a: {data: {x: 2}, permissions: {read: [x]}, groups: {g: }, \
        collections: {c: {records: {r: {data: {}}, s: }}, d: }}, b: }";
    assert_eq!(one, YamlTree::parse(both).unwrap());
}
