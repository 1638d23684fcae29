use super::*;
use wasmparser::{Validator, WasmFeatures};
use wit_component::{DecodedWasm, OutputToString, WitPrinter, decode};

fn endpoints() -> Vec<Endpoint> {
    [("get-loss", "GET", "/loss"), ("post-prediction", "POST", "/prediction")]
        .map(|(name, method, path)| Endpoint {
            name: name.into(),
            method: method.into(),
            path: path.into(),
            example: None,
        })
        .into()
}

fn wit_of(component: &[u8]) -> String {
    let DecodedWasm::Component(resolve, world) = decode(component).unwrap() else { panic!("not a component") };
    let package = resolve.worlds[world].package.unwrap();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.print(&resolve, package, &[]).unwrap();
    printer.output.to_string()
}

#[test]
fn a_component_is_valid_and_describes_itself() {
    let (encoder, image) = Encoder::new(&engine::ENGINES[0]).unwrap();
    for role in [Role::Version(&endpoints()), Role::Snapshot] {
        let component = encoder.encode(&image, role).unwrap();
        Validator::new_with_features(WasmFeatures::default()).validate_all(&component).unwrap();
    }
    let wit = wit_of(&encoder.encode(&image, Role::Version(&endpoints())).unwrap());
    assert!(wit.contains("export get-loss: func(request: string) -> result<response, failure>;"), "{wit}");
    assert!(wit.contains("export post-prediction: func(request: string) -> result<response, failure>;"), "{wit}");
    assert!(!wit.contains("filesystem") && !wit.contains("sockets"), "{wit}");
}

#[test]
fn the_same_image_gives_the_same_component() {
    let (encoder, image) = Encoder::new(&engine::ENGINES[0]).unwrap();
    let encode = || encoder.encode(&image, Role::Version(&endpoints())).unwrap();
    assert_eq!(encode(), encode());
}
