//! Files that `files:` in the config cell lists travel as a read-only file system; others are missed with a hint.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{Gateway, fail, notebook};

/// Files a notebook finds beside it.
fn write(folder: &Path) {
    fs::create_dir_all(folder.join("data/sub")).unwrap();
    fs::write(folder.join("data/labels.txt"), "cat\ndog\n").unwrap();
    fs::write(folder.join("data/numbers.csv"), "x,y\n1,2\n3,4\n").unwrap();
    fs::write(folder.join("data/map.json"), r#"{"a": [1, 2]}"#).unwrap();
    fs::write(folder.join("data/sub/empty.txt"), "").unwrap();
    fs::write(
        folder.join("reader.py"),
        "from pathlib import Path\nhandle = open('data/labels.txt')\ndef read(): return (Path(__file__).parent / 'data/labels.txt').read_text()\n",
    )
    .unwrap();
}

fn config(files: &str) -> String {
    format!("'''yaml\ntitan: v1\nimage: python\nfiles: {files}\n'''")
}

#[test]
fn listed_files_are_read_as_in_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let gateway = Gateway::start(&folder.path().join("store"));
    let cells = [
        &config("[data]"),
        "import numpy as np, zipfile, reader\nnp.save('data/array.npy', np.arange(5))\n\
         with zipfile.ZipFile('data/packed.zip', 'w') as packed: packed.writestr('inner.txt', 'within')",
        "# GET /read\nimport csv, json, pathlib, zipfile, numpy as np\n\
         print(open('data/labels.txt').read().split(), pathlib.Path('data/labels.txt').read_text().split())\n\
         print(json.load(open('data/map.json')), list(csv.DictReader(open('data/numbers.csv'))))\n\
         print(np.load('data/array.npy'), np.loadtxt('data/numbers.csv', delimiter=',', skiprows=1).tolist())\n\
         print(np.genfromtxt('data/numbers.csv', delimiter=',', names=True)['y'], np.fromfile('data/labels.txt', 'u1')[:3])\n\
         print(zipfile.ZipFile('data/packed.zip').read('inner.txt'), reader.read().split())",
        "# GET /seek\nwith open('data/labels.txt', 'rb') as f: print(f.seek(-2, 2), f.read(), f.tell(), f.seek(1), f.read(2))",
        "# GET /list\nimport glob, os\n\
         print(sorted(os.listdir('data')), sorted(glob.glob('**/*.txt', recursive=True)))\n\
         print([(root, sorted(folders), sorted(files)) for root, folders, files in os.walk('data/sub')])\n\
         print(os.path.exists('data/labels.txt'), os.path.exists('data/other.txt'), os.path.isdir('data/sub'), os.path.getsize('data/map.json'))\n\
         print(open(os.path.join(os.getcwd(), 'data', '..', 'data', 'labels.txt')).readline(), os.path.realpath('data') == os.getcwd() + '/data')",
        "# GET /held\nprint(reader.handle.readline(), reader.handle.tell())",
        "# GET /errors\ndef kind(path, mode='r'):\n    try: open(path, mode)\n    except OSError as error: return type(error).__name__, error.strerror, error.filename\n\
         print(kind('data/labels.txt/x'), kind('data'), kind('data/none.txt'))",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    // What is read has travelled.
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    for (path, body) in [
        (
            "/read",
            "['cat', 'dog'] ['cat', 'dog']\n{'a': [1, 2]} [{'x': '1', 'y': '2'}, {'x': '3', 'y': '4'}]\n\
             [0 1 2 3 4] [[1.0, 2.0], [3.0, 4.0]]\n[2. 4.] [ 99  97 116]\nb'within' ['cat', 'dog']\n",
        ),
        ("/seek", "6 b'g\\n' 8 1 b'at'\n"),
        (
            "/list",
            "['array.npy', 'labels.txt', 'map.json', 'numbers.csv', 'packed.zip', 'sub'] ['data/labels.txt', 'data/sub/empty.txt']\n\
             [('data/sub', [], ['empty.txt'])]\nTrue False True 13\ncat\n True\n",
        ),
        // Opened before the freeze, and at its start in every instance.
        ("/held", "cat\n 4\n"),
        (
            "/errors",
            "('NotADirectoryError', 'Not a directory', 'data/labels.txt/x') ('IsADirectoryError', 'Is a directory', 'data') \
             ('FileNotFoundError', 'No such file or directory', 'data/none.txt')\n",
        ),
    ] {
        let answer = gateway.get(&format!("/demo{path}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}: {answer:?}");
    }
}

#[test]
fn other_files_are_missed_with_a_hint_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let gateway = Gateway::start(&folder.path().join("store"));
    let config = config("['data/*.csv']").replace("titan: v1", "titan: v1\ndebug: true");
    let cells = [
        &config,
        "# GET /missing\nopen('data/labels.txt')",
        "# GET /write\nopen('data/numbers.csv', 'w')",
        "# GET /append\nopen('data/numbers.csv', 'r+')",
        "# GET /new\nimport os\nos.mkdir('new')",
        "# GET /listed\nprint(len(open('data/numbers.csv').read()))",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    // The kernel opens what does not travel, so the two differ.
    gateway.run(&["deploy", "--no-verify", file.to_str().unwrap()]);
    assert_eq!(gateway.get("/demo/listed").body, "12\n");
    for (path, parts) in [
        ("/missing", ["FileNotFoundError", "'data/labels.txt'", "'files:' in the config cell"]),
        ("/write", ["Read-only file system", "'data/numbers.csv'", "keep data in a variable"]),
        ("/append", ["Read-only file system", "'data/numbers.csv'", "keep data in a variable"]),
        ("/new", ["Read-only file system", "'new'", "keep data in a variable"]),
    ] {
        let answer = gateway.get(&format!("/demo{path}"));
        assert_eq!(answer.status, 500, "{path}: {answer:?}");
        for part in parts {
            assert!(answer.body.contains(part), "{path}: {part:?} is missing: {answer:?}");
        }
    }
}

#[test]
fn what_cannot_be_listed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("data/link.txt")).unwrap();
    fs::create_dir(folder.path().join("bare")).unwrap();
    fs::write(folder.path().join("large.bin"), vec![0; 40_000_000]).unwrap();
    for (files, parts) in [
        ("[nowhere.csv]", &["'nowhere.csv'", "files:", "no file"][..]),
        ("['data/*.parquet']", &["'data/*.parquet'", "no file"]),
        ("[bare]", &["'bare'", "empty folder"]),
        ("[../secret.txt]", &["'../secret.txt'", "within the notebook's folder"]),
        ("[/etc/passwd]", &["'/etc/passwd'", "within the notebook's folder"]),
        ("[data/link.txt]", &["'data/link.txt'", "outside the notebook's folder"]),
        ("[large.bin]\nmemory: 34MB", &["40000000 bytes", "memory"]),
    ] {
        let file = notebook::write(folder.path(), "bad", &[&config(files), "# GET /x\n1"]);
        let out = folder.path().join("bad.titan");
        let error = fail(&support::titan().arg("compile").arg(&file).arg("-o").arg(&out).output().unwrap());
        for part in parts {
            assert!(error.contains(part), "{files}: {part:?} is missing: {error}");
        }
    }
}
