//! What changed from one notebook to another, cell by cell and line by line.

use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use titan_sdk::view::{Cell, CellChange, CellChanges, Cells, Change, Line};

/// Two cells that share no more than this part of their text are two cells, not one that changed.
const KINSHIP: f32 = 0.4;

/// How `from` became `to`.
pub(crate) fn between(from: &Cells, to: &Cells) -> CellChanges {
    let (old, new) = (&from.cells[..], &to.cells[..]);
    let keys = |cells: &[Cell]| cells.iter().map(|cell| (cell.kind, cell.source.clone())).collect::<Vec<_>>();
    let mut cells = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &keys(old), &keys(new)) {
        match op {
            DiffOp::Equal { old_index, len, .. } => {
                cells.extend(old[old_index..old_index + len].iter().map(|cell| whole(cell, Change::Same)));
            }
            op => replaced(&mut cells, &old[op.old_range()], &new[op.new_range()]),
        }
    }
    CellChanges { cells }
}

/// A run of cells in place of another. Kin are one cell that changed; they are looked for in order, so that no cell
/// moves.
fn replaced(cells: &mut Vec<CellChange>, old: &[Cell], new: &[Cell]) {
    let mut rest = old;
    for cell in new {
        match rest.iter().position(|candidate| are_kin(candidate, cell)) {
            Some(at) => {
                cells.extend(rest[..at].iter().map(|gone| whole(gone, Change::Removed)));
                cells.push(changed(&rest[at], cell));
                rest = &rest[at + 1..];
            }
            None => cells.push(whole(cell, Change::Added)),
        }
    }
    cells.extend(rest.iter().map(|gone| whole(gone, Change::Removed)));
}

fn are_kin(one: &Cell, other: &Cell) -> bool {
    one.kind == other.kind && TextDiff::from_words(&one.source, &other.source).ratio() > KINSHIP
}

fn changed(old: &Cell, new: &Cell) -> CellChange {
    let diff = TextDiff::from_lines(&old.source, &new.source);
    let line = |change: similar::Change<&str>| Line {
        change: match change.tag() {
            ChangeTag::Equal => Change::Same,
            ChangeTag::Insert => Change::Added,
            ChangeTag::Delete => Change::Removed,
        },
        text: change.value().trim_end_matches(['\r', '\n']).into(),
    };
    CellChange { kind: new.kind, change: Change::Changed, lines: diff.iter_all_changes().map(line).collect() }
}

fn whole(cell: &Cell, change: Change) -> CellChange {
    let lines = cell.source.lines().map(|text| Line { change, text: text.into() }).collect();
    CellChange { kind: cell.kind, change, lines }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use titan_sdk::view::CellKind;

    use super::*;

    fn notebook(sources: &[&str]) -> Cells {
        let cell =
            |source: &&str| Cell { kind: CellKind::Code, source: (*source).into(), html: None, outputs: Vec::new() };
        Cells { cells: sources.iter().map(cell).collect() }
    }

    fn summary(from: &[&str], to: &[&str]) -> Vec<(Change, Vec<(Change, String)>)> {
        let changes = between(&notebook(from), &notebook(to));
        let lines = |cell: CellChange| cell.lines.into_iter().map(|line| (line.change, line.text)).collect();
        changes.cells.into_iter().map(|cell| (cell.change, lines(cell))).collect()
    }

    #[test]
    fn a_cell_that_changed_says_which_lines() {
        use Change::{Added, Changed, Removed, Same};
        let line = |change, text: &str| (change, text.to_owned());
        assert_eq!(
            summary(
                &["import keras", "model = [\n    Dense(32),\n    Dense(1),\n]"],
                &["import keras", "model = [\n    Dense(1000),\n    Dense(1),\n]"]
            ),
            [
                (Same, vec![line(Same, "import keras")]),
                (
                    Changed,
                    vec![
                        line(Same, "model = ["),
                        line(Removed, "    Dense(32),"),
                        line(Added, "    Dense(1000),"),
                        line(Same, "    Dense(1),"),
                        line(Same, "]"),
                    ]
                ),
            ]
        );
    }

    #[test]
    fn cells_come_and_go() {
        let kinds = |from: &[&str], to: &[&str]| summary(from, to).into_iter().map(|cell| cell.0).collect::<Vec<_>>();
        assert_eq!(kinds(&[], &["a"]), [Change::Added]);
        assert_eq!(kinds(&["a"], &[]), [Change::Removed]);
        assert_eq!(kinds(&["a", "b"], &["a", "b"]), [Change::Same, Change::Same]);
        assert_eq!(kinds(&["alpha beta"], &["gamma delta"]), [Change::Added, Change::Removed]);
        assert_eq!(
            kinds(&["gone for good", "x = 1\ny = 2"], &["x = 1\ny = 3", "quite new"]),
            [Change::Removed, Change::Changed, Change::Added]
        );
    }

    proptest! {
        /// Without what was added the changes are the earlier notebook, without what was removed the later one.
        #[test]
        fn nothing_is_lost(
            from in proptest::collection::vec("[ab\n ]{0,8}", 0..6),
            to in proptest::collection::vec("[ab\n ]{0,8}", 0..6),
        ) {
            let as_strs = |texts: &[String]| notebook(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let changes = between(&as_strs(&from), &as_strs(&to));
            for (without, texts) in [(Change::Added, &from), (Change::Removed, &to)] {
                let kept = changes.cells.iter().filter(|cell| cell.change != without);
                let lines = |cell: &CellChange| {
                    let kept = cell.lines.iter().filter(|line| line.change != without);
                    kept.map(|line| line.text.clone()).collect::<Vec<_>>()
                };
                let expected: Vec<Vec<String>> =
                    texts.iter().map(|text| text.lines().map(Into::into).collect()).collect();
                prop_assert_eq!(kept.map(lines).collect::<Vec<_>>(), expected);
            }
        }
    }
}
