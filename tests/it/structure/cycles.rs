//! Import cycles between files.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Names;

/// Describes each set of files that all reach one another by imports.
pub fn find(imports: &Names) -> Vec<String> {
    let reached = reached_files(imports);
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let mut described = BTreeSet::new();
    let mut cycles = Vec::new();
    for file in reached.keys().copied().filter(|file| reaches(file, file)) {
        if described.contains(file) {
            continue;
        }
        let members: BTreeSet<_> = reached[file].iter().copied().filter(|other| reaches(other, file)).collect();
        cycles.push(describe(&members, imports));
        described.extend(members);
    }
    cycles
}

/// Returns for each file the files that it imports from, directly or transitively.
fn reached_files(imports: &Names) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut direct: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        direct.entry(from).or_default().push(to);
    }
    let reached_from = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&str> = direct[from].clone();
        while let Some(file) = waiting.pop() {
            if reached.insert(file) {
                waiting.extend(direct.get(file).into_iter().flatten());
            }
        }
        reached
    };
    direct.keys().map(|&from| (from, reached_from(from))).collect()
}

fn describe(members: &BTreeSet<&str>, imports: &Names) -> String {
    let inside = imports.iter().filter(|((from, to), _)| members.contains(&**from) && members.contains(&**to));
    let lines = inside.map(|((from, to), names)| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        format!("  {from} -> {to}: {}\n", names.join(", "))
    });
    format!("cycle of {} files:\n{}", members.len(), lines.collect::<String>())
}
