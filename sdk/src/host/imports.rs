//! What a component may import: the interfaces of `sdk/wit/world.wit` and the engine, and nothing else, whatever wasmtime could
//! offer beyond them. So nothing in a bundle can ask for a way out of its sandbox.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::wit;

/// What the exports' types are named after; types give nothing to call.
const TYPES: &str = "titan:service/types@0.1.0";

/// # Errors
/// The first import that is none of the world's.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<(), String> {
    let ty = component.component_type();
    let mut imports = ty.imports(engine).map(|(name, _)| name);
    match imports.find(|name| !matches!(*name, engine::IMPORT | TYPES) && !world().any(|known| known == *name)) {
        Some(name) => Err(format!("it imports {name:?}, which no service can reach")),
        None => Ok(()),
    }
}

/// The interfaces that the world imports: `wasi:io/poll@0.2.0`.
fn world() -> impl Iterator<Item = &'static str> {
    let (_, world) = wit::FILES[wit::FILES.len() - 1];
    world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(imports: &str) -> Result<(), String> {
        let engine = Engine::default();
        let component = wat::parse_str(format!("(component {imports})")).unwrap();
        check(&engine, &Component::new(&engine, component).unwrap())
    }

    #[test]
    fn the_world_is_read_from_its_text() {
        assert_eq!(world().count(), 11);
        assert!(world().any(|interface| interface == "wasi:random/random@0.2.0"));
    }

    #[test]
    fn only_what_the_world_offers_may_be_imported() {
        for good in [
            "",
            r#"(import "titan:service/types@0.1.0" (instance))"#,
            r#"(import "wasi:io/poll@0.2.0" (instance))"#,
            r#"(import "titan-engine" (core module))"#,
        ] {
            checked(good).unwrap();
        }
        for (bad, named) in [
            (r#"(import "wasi:sockets/tcp@0.2.0" (instance))"#, "wasi:sockets/tcp@0.2.0"),
            (r#"(import "wasi:filesystem/types@0.2.0" (instance))"#, "wasi:filesystem/types@0.2.0"),
            (r#"(import "wasi:cli/environment@0.2.0" (instance))"#, "wasi:cli/environment@0.2.0"),
            (r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#, "wasi:http/outgoing-handler@0.2.0"),
            (r#"(import "anything" (func))"#, "anything"),
            (r#"(import "titan-engine-2" (core module))"#, "titan-engine-2"),
        ] {
            assert!(checked(bad).unwrap_err().contains(named), "{bad}");
        }
    }
}
