//! Puts the parts of a component together, section by section. See the header of `mod.rs` for the order.

use std::collections::BTreeMap;

use titan_sdk::engine;
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentImportSection, ComponentSection, ComponentTypeRef, ComponentTypeSection,
    ComponentValType, CoreTypeSection, EntityType, ExportKind, InstanceSection, ModuleArg, ModuleSection, ModuleType,
    PrimitiveValType, RawSection,
};

use super::engine_type::{EngineType, MEMORY, STACK_POINTER};
use super::prelude::Prelude;
use super::{EncodeError, Role, SNAPSHOT_HOST, cores};
use crate::heap::HeapImage;

/// Core modules, in the order of their index space.
const ENGINE_MODULE: u32 = 0;
const HEAP_MODULE: u32 = 1;
const GLUE_MODULE: u32 = 2;

/// A component being written: its sections so far, and how far each index space has been used.
struct Writer<'a> {
    component: Component,
    prelude: &'a Prelude,
    types: u32,
    functions: u32,
    core_functions: u32,
    core_instances: u32,
    /// Memory and `realloc` of the heap, for lowering.
    lowering: [CanonicalOption; 3],
}

/// Encodes the component of `role` around `image`.
pub fn encode(
    engine: &EngineType,
    prelude: &Prelude,
    image: &HeapImage,
    role: Role<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer {
        component: Component::new(),
        prelude,
        types: prelude.types,
        functions: 0,
        core_functions: 0,
        core_instances: 0,
        lowering: [CanonicalOption::UTF8, CanonicalOption::Memory(0), CanonicalOption::Realloc(0)],
    };
    for (id, data) in &prelude.sections {
        writer.component.section(&RawSection { id: *id, data });
    }
    writer.import_engine(engine, role)?;
    let heap = cores::heap(&engine.memory, image);
    let glue = cores::glue(engine, role)?;
    writer.component.section(&ModuleSection(&heap)).section(&ModuleSection(&glue));

    let heap = writer.instantiate(HEAP_MODULE, &[]);
    let memory = writer.core_alias(heap, ExportKind::Memory, "memory", 0);
    let realloc = writer.core_function(heap, "realloc");
    writer.lowering = [CanonicalOption::UTF8, CanonicalOption::Memory(memory), CanonicalOption::Realloc(realloc)];

    // The memory travels as an instance, as everything a core module imports.
    let env = writer.items(&[(MEMORY.1, ExportKind::Memory, memory)]);
    let mut arguments = vec![(MEMORY.0, env)];
    let mut interfaces: BTreeMap<&str, Vec<(&str, ExportKind, u32)>> = BTreeMap::new();
    for (interface, name, _) in &engine.functions {
        let lowered = writer.lower(interface, name)?;
        interfaces.entry(interface).or_default().push((name, ExportKind::Func, lowered));
    }
    for (interface, functions) in &interfaces {
        arguments.push((interface, writer.items(functions)));
    }
    let engine = writer.instantiate(ENGINE_MODULE, &arguments);

    let mut arguments = vec![("heap", heap), ("engine", engine)];
    if matches!(role, Role::Snapshot) {
        let keep = writer.lower(SNAPSHOT_HOST, "keep")?;
        arguments.push(("host", writer.items(&[("keep", ExportKind::Func, keep)])));
    }
    let glue = writer.instantiate(GLUE_MODULE, &arguments);
    match role {
        Role::Version(endpoints) => {
            let names = endpoints.iter().map(|endpoint| endpoint.name.as_str());
            writer.export_endpoints(engine, glue, names)?;
        }
        Role::Snapshot => writer.export_snapshot(engine, glue),
    }
    Ok(writer.component.finish())
}

impl Writer<'_> {
    /// Imports the engine as a core module of its own type, restricted to the exports in use.
    fn import_engine(&mut self, engine: &EngineType, role: Role<'_>) -> Result<(), EncodeError> {
        let mut ty = ModuleType::new();
        ty.import(MEMORY.0, MEMORY.1, engine.memory.into());
        for (module, name, signature) in &engine.functions {
            let index = ty.type_count();
            ty.ty().func_type(signature);
            ty.import(module, name, EntityType::Function(index));
        }
        let used: &[&str] = match role {
            Role::Version(_) => &["cabi_realloc", "titan_call", "titan_return"],
            Role::Snapshot => &["cabi_realloc", "titan_boot", "titan_freeze", "titan_return"],
        };
        for name in used {
            let index = ty.type_count();
            ty.ty().func_type(engine.export(name)?);
            ty.export(name, EntityType::Function(index));
        }
        if matches!(role, Role::Snapshot) {
            ty.export(STACK_POINTER, engine.stack_pointer.0.into());
        }
        let mut types = CoreTypeSection::new();
        types.ty().module(&ty);
        let mut imports = ComponentImportSection::new();
        imports.import(engine::IMPORT, ComponentTypeRef::Module(0));
        self.component.section(&types).section(&imports);
        Ok(())
    }

    fn section(&mut self, section: &impl ComponentSection) {
        self.component.section(section);
    }

    fn instantiate(&mut self, module: u32, arguments: &[(&str, u32)]) -> u32 {
        let mut section = InstanceSection::new();
        section.instantiate(module, arguments.iter().map(|(name, instance)| (*name, ModuleArg::Instance(*instance))));
        self.section(&section);
        self.core_instances += 1;
        self.core_instances - 1
    }

    /// A core instance made of items at hand.
    fn items(&mut self, items: &[(&str, ExportKind, u32)]) -> u32 {
        let mut section = InstanceSection::new();
        section.export_items(items.iter().copied());
        self.section(&section);
        self.core_instances += 1;
        self.core_instances - 1
    }

    /// Aliases a core export; `index` is the one it gets.
    fn core_alias(&mut self, instance: u32, kind: ExportKind, name: &str, index: u32) -> u32 {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport { instance, kind, name });
        self.section(&section);
        index
    }

    fn core_function(&mut self, instance: u32, name: &str) -> u32 {
        self.core_functions += 1;
        self.core_alias(instance, ExportKind::Func, name, self.core_functions - 1)
    }

    /// Lowers function `name` of an imported interface to a core function.
    fn lower(&mut self, interface: &str, name: &str) -> Result<u32, EncodeError> {
        let missing = || EncodeError::EngineForm(format!("it imports {interface}, which the world lacks"));
        let instance = *self.prelude.instances.get(interface).ok_or_else(missing)?;
        let mut canonical = CanonicalFunctionSection::new();
        let mut alias = ComponentAliasSection::new();
        if let Some(resource) = name.strip_prefix("[resource-drop]") {
            alias.alias(Alias::InstanceExport { instance, kind: ComponentExportKind::Type, name: resource });
            canonical.resource_drop(self.types);
            self.types += 1;
        } else {
            alias.alias(Alias::InstanceExport { instance, kind: ComponentExportKind::Func, name });
            canonical.lower(self.functions, self.lowering);
            self.functions += 1;
        }
        self.component.section(&alias).section(&canonical);
        self.core_functions += 1;
        Ok(self.core_functions - 1)
    }

    /// Lifts core function `core` as the export `name`.
    fn export(&mut self, name: &str, core: u32, ty: u32, options: Vec<CanonicalOption>) {
        let mut lift = CanonicalFunctionSection::new();
        lift.lift(core, ty, options);
        let mut export = ComponentExportSection::new();
        export.export(name, ComponentExportKind::Func, self.functions, None);
        self.component.section(&lift).section(&export);
        // An export adds the function once more, under its name.
        self.functions += 2;
    }

    fn export_endpoints<'a>(
        &mut self,
        engine: u32,
        glue: u32,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), EncodeError> {
        let used = |name: &str| {
            let missing = || EncodeError::World(format!("the type {name} is missing"));
            self.prelude.named_types.get(name).copied().map(ComponentValType::Type).ok_or_else(missing)
        };
        let (response, failure) = (used("response")?, used("failure")?);
        let mut types = ComponentTypeSection::new();
        types.defined_type().result(Some(response), Some(failure));
        let request = [("request", ComponentValType::Primitive(PrimitiveValType::String))];
        types.function().params(request).result(Some(ComponentValType::Type(self.types)));
        let ty = self.types + 1;
        self.types += 2;
        self.section(&types);
        let mut options = self.lifting(engine);
        options.push(CanonicalOption::PostReturn(self.core_function(engine, "titan_return")));
        for (index, name) in names.enumerate() {
            let core = self.core_function(glue, &cores::endpoint_name(index));
            self.export(name, core, ty, options.clone());
        }
        Ok(())
    }

    fn export_snapshot(&mut self, engine: u32, glue: u32) {
        let outcome = self.types;
        let (bytes, boot, freeze, keep) = (outcome + 1, outcome + 2, outcome + 3, outcome + 4);
        self.types += 5;
        let mut types = ComponentTypeSection::new();
        types.defined_type().result(None, Some(ComponentValType::Primitive(PrimitiveValType::String)));
        types.defined_type().list(ComponentValType::Primitive(PrimitiveValType::U8));
        let none: [(&str, ComponentValType); 0] = [];
        types.function().params(none).result(Some(ComponentValType::Type(outcome)));
        types
            .function()
            .params([("state", ComponentValType::Type(bytes))])
            .result(Some(ComponentValType::Type(outcome)));
        types.function().params(none).result(None);
        self.section(&types);
        let lifting = self.lifting(engine);
        let mut with_result = lifting.clone();
        with_result.push(CanonicalOption::PostReturn(self.core_function(engine, "titan_return")));
        let core = self.core_function(engine, "titan_boot");
        self.export("boot", core, boot, with_result.clone());
        let core = self.core_function(engine, "titan_freeze");
        self.export("freeze", core, freeze, with_result);
        let core = self.core_function(glue, "keep");
        self.export("keep", core, keep, lifting);
    }

    /// Lifting options: the engine's own `cabi_realloc`, which exists by now.
    fn lifting(&mut self, engine: u32) -> Vec<CanonicalOption> {
        let [utf8, memory, _] = self.lowering;
        vec![utf8, memory, CanonicalOption::Realloc(self.core_function(engine, "cabi_realloc"))]
    }
}
