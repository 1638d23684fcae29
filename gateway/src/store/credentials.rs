//! The table of credentials in the embedded store's metadata.

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde_json::Value;

use super::embedded::{decode, encode, metadata};
use super::{Credential, Grant, StoreError};

/// JSON of [`Credential`] by service (empty for tokens of the admin API) and name.
const CREDENTIALS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("credentials");

/// Makes the table where it is missing.
pub(super) fn open(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(metadata)?;
    transaction.open_table(CREDENTIALS).map_err(metadata)?;
    transaction.commit().map_err(metadata)
}

/// Every credential, by service and name.
pub(super) fn all(database: &Database) -> Result<Vec<Credential>, StoreError> {
    let table = database.begin_read().map_err(metadata)?.open_table(CREDENTIALS).map_err(metadata)?;
    table.iter().map_err(metadata)?.map(|entry| decode(entry.map_err(metadata)?.1.value())).collect()
}

/// Every row as it is.
pub(super) fn rows(transaction: &ReadTransaction) -> Result<Vec<Value>, StoreError> {
    let table = transaction.open_table(CREDENTIALS).map_err(metadata)?;
    table.iter().map_err(metadata)?.map(|entry| decode(entry.map_err(metadata)?.1.value())).collect()
}

/// Keeps a credential.
pub(super) fn insert(transaction: &WriteTransaction, credential: &Credential) -> Result<(), StoreError> {
    let mut table = transaction.open_table(CREDENTIALS).map_err(metadata)?;
    let key = (service(&credential.grant), credential.name.as_str());
    table.insert(key, encode(credential)?.as_slice()).map_err(metadata)?;
    Ok(())
}

/// Keeps a credential, unless its name is taken.
pub(super) fn add(database: &Database, credential: &Credential) -> Result<bool, StoreError> {
    let transaction = database.begin_write().map_err(metadata)?;
    let added = {
        let mut table = transaction.open_table(CREDENTIALS).map_err(metadata)?;
        let key = (service(&credential.grant), credential.name.as_str());
        let free = table.get(key).map_err(metadata)?.is_none();
        if free {
            table.insert(key, encode(credential)?.as_slice()).map_err(metadata)?;
        }
        free
    };
    transaction.commit().map_err(metadata)?;
    Ok(added)
}

/// Forgets the credentials that `which` chooses, and says how many there were.
pub(super) fn remove(database: &Database, which: impl Fn(&Credential) -> bool) -> Result<usize, StoreError> {
    let gone: Vec<_> = all(database)?.into_iter().filter(which).collect();
    let transaction = database.begin_write().map_err(metadata)?;
    {
        let mut table = transaction.open_table(CREDENTIALS).map_err(metadata)?;
        for credential in &gone {
            table.remove((service(&credential.grant), credential.name.as_str())).map_err(metadata)?;
        }
    }
    transaction.commit().map_err(metadata)?;
    Ok(gone.len())
}

fn service(grant: &Grant) -> &str {
    match grant {
        Grant::Admin(_) => "",
        Grant::Service(service) => service,
    }
}
