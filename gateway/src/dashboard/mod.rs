//! The dashboard: the page that the admin listener serves at `/`, and what it shows that nothing else of the gateway
//! needs.
//!
//! The page is plain files, embedded; it talks to the admin API as any client does and has no access of its own. What
//! is shown of a notebook is read here and nowhere else in the gateway, as a document: no request depends on it.
//!
//! | module | concept |
//! | --- | --- |
//! | `assets` | the page's files, and the headers that keep it safe |
//! | `cells` | a notebook's cells, as HTML that cannot do anything |
//! | `changes` | what changed from one notebook to another |
//! | `tried` | a request tried on one version |

pub(crate) mod assets;
pub(crate) mod cells;
pub(crate) mod changes;
pub(crate) mod tried;
