//! The small core modules of a component: the heap and the glue. See the header of `mod.rs` for their parts.

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, FuncType, Function, FunctionSection, ImportSection, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

use super::engine_type::{EngineType, STACK_POINTER};
use super::{EncodeError, Role};
use crate::heap::HeapImage;

/// One function reference, not growable: `cabi_realloc` of the engine.
const TABLE: TableType =
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: 1, maximum: Some(1), shared: false };

/// `realloc(old, old_size, align, new_size) -> new`.
fn realloc_type() -> FuncType {
    FuncType::new([ValType::I32; 4], [ValType::I32])
}

/// Memory with `image` in it, the one-slot `table`, and `realloc`, which calls through it.
pub fn heap(memory: &MemoryType, image: &HeapImage) -> Module {
    let mut types = TypeSection::new();
    types.ty().func_type(&realloc_type());
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut tables = TableSection::new();
    tables.table(TABLE);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: image.pages.max(memory.minimum), ..*memory });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("table", ExportKind::Table, 0).export(
        "realloc",
        ExportKind::Func,
        0,
    );
    let mut realloc = Function::new([]);
    let mut body = realloc.instructions();
    for parameter in 0..4 {
        body.local_get(parameter);
    }
    body.i32_const(0).call_indirect(0, 0).end();
    let mut code = CodeSection::new();
    code.function(&realloc);
    let mut data = DataSection::new();
    for (address, bytes) in &image.segments {
        data.active(0, &ConstExpr::i32_const(address.cast_signed()), bytes.iter().copied());
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&exports)
        .section(&DataCountSection { count: data.len() })
        .section(&code)
        .section(&data);
    module
}

/// The name of the glue's function for endpoint number `index`.
pub fn endpoint_name(index: usize) -> String {
    format!("endpoint-{index}")
}

/// The module that ties the parts together. It imports from `heap`, `engine` and (for a snapshot) `host`.
pub fn glue(engine: &EngineType, role: Role<'_>) -> Result<Module, EncodeError> {
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();

    types.ty().func_type(&realloc_type());
    imports.import("heap", "table", TABLE);
    imports.import("engine", "cabi_realloc", EntityType::Function(0));
    match role {
        Role::Version(endpoints) => {
            types.ty().func_type(engine.export("titan_call")?);
            types.ty().function([ValType::I32; 2], [ValType::I32]);
            imports.import("engine", "titan_call", EntityType::Function(1));
            for index in 0..endpoints.len() {
                functions.function(2);
                // Two imported functions come first.
                let at = u32::try_from(index + 2).unwrap_or(u32::MAX);
                exports.export(&endpoint_name(index), ExportKind::Func, at);
                let mut function = Function::new([]);
                let number = i32::try_from(index).unwrap_or(i32::MAX);
                function.instructions().i32_const(number).local_get(0).local_get(1).call(1).end();
                code.function(&function);
            }
        }
        Role::Snapshot => {
            let (global, start) = engine.stack_pointer;
            types.ty().function([ValType::I32; 2], []);
            types.ty().function([], []);
            imports.import("host", "keep", EntityType::Function(1));
            imports.import("heap", "memory", engine.memory);
            imports.import("engine", STACK_POINTER, global);
            functions.function(2);
            exports.export("keep", ExportKind::Func, 2);
            let mut keep = Function::new([]);
            let mut body = keep.instructions();
            // Memory is the whole state only while nothing is on the stack.
            body.global_get(0).i32_const(start).i32_ne().if_(wasm_encoder::BlockType::Empty).unreachable().end();
            body.i32_const(0).memory_size(0).i32_const(16).i32_shl().call(1).end();
            code.function(&keep);
        }
    }
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&[0][..]).into()));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&exports).section(&elements).section(&code);
    Ok(module)
}
