//! Opening the chain's databases.

use std::fs;
use std::path::Path;

use redb::{Builder, Database};

use super::ChainError;
use crate::files;

/// Opens the database at `path`, or makes one. One that a crash left half made
/// could not be opened, so it gets its name when it is whole.
pub(super) fn open(path: &Path, builder: &Builder) -> Result<Database, ChainError> {
    let create = |path: &Path| -> Result<Database, ChainError> {
        let file = files::private_file(path)?;
        builder.create_file(file).map_err(|why| ChainError::Store(why.to_string()))
    };
    if !path.exists() {
        let new = path.with_added_extension("new");
        if new.exists() {
            fs::remove_file(&new).map_err(files::at(&new))?;
        }
        drop(create(&new)?);
        fs::rename(&new, path).map_err(files::at(&new))?;
        files::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    }
    create(path)
}

#[cfg(test)]
mod tests {
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    #[test]
    fn what_a_crash_left_half_made_is_made_anew_and_what_is_whole_is_kept() {
        const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.redb");
        fs::write(folder.path().join("some.redb.new"), [0; 4096]).unwrap();
        let database = open(&path, &Database::builder()).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(TABLE).unwrap().insert(1, 2).unwrap();
        write.commit().unwrap();
        drop(database);
        fs::write(folder.path().join("some.redb.new"), "of no use").unwrap();
        let database = open(&path, &Database::builder()).unwrap();
        let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
        assert_eq!(table.get(1).unwrap().unwrap().value(), 2);
    }
}
