//! Max pooling of channels that are planes one after another, which is how ONNX lays pictures out.
//!
//! tract looks at the elements of such a window one by one. Here the rows of a window are folded into one first, which
//! processors do many numbers at a time, and its columns then: on the comparison's network for digits a fifth of the time. Which of
//! equal or incomparable numbers is taken (-0 and 0, NaN) may differ; ONNX leaves it open.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

/// The maximum in each window, of 32-bit floats in shape `[batch, channels, height, width]`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct PlanarMaxPool {
    windows: PoolSpec,
}

/// Replaces tract's layers in `model` wherever this one fits.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let Some(MaxPool { pool_spec, with_index_outputs: None }) = node.op_as() else { continue };
        let planes = pool_spec.rank() == 2 && pool_spec.data_format == DataFormat::NCHW;
        if planes && model.outlet_fact(node.inputs[0])?.datum_type == DatumType::F32 {
            let op = PlanarMaxPool { windows: pool_spec.clone() };
            TypedModelPatch::replace_single_op(model, node, &node.inputs, op)?.apply(model)?;
        }
    }
    Ok(())
}

/// One direction of the windows.
struct Axis {
    /// Elements of the input.
    length: usize,
    /// Elements of a window.
    window: usize,
    /// From one window to the next.
    stride: usize,
    /// From one element of a window to the next.
    dilation: usize,
    /// How far the first window begins before the input.
    padding: usize,
    /// How many windows.
    windows: usize,
}

impl Axis {
    /// The windows of which the element `tap` is within the input, and where it is for the first of them.
    fn span(&self, tap: usize) -> (std::ops::Range<usize>, usize) {
        let offset = tap * self.dilation;
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride).min(self.windows);
        let end = (self.length + self.padding).saturating_sub(offset).div_ceil(self.stride).min(self.windows);
        (first..end.max(first), (first * self.stride + offset).saturating_sub(self.padding))
    }

    /// The elements of a window that are within the input.
    fn taps(&self, window: usize) -> impl Iterator<Item = usize> {
        let places = (0..self.window).map(move |tap| window * self.stride + tap * self.dilation);
        places.filter_map(|place| place.checked_sub(self.padding)).filter(|&place| place < self.length)
    }
}

fn fold<'a>(into: &mut [f32], from: impl Iterator<Item = &'a f32>) {
    for (most, &value) in into.iter_mut().zip(from) {
        *most = if *most < value { value } else { *most };
    }
}

impl Op for PlanarMaxPool {
    fn name(&self) -> StaticName {
        "PlanarMaxPool".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.windows.info())
    }

    op_as_typed_op!();
}

impl EvalOp for PlanarMaxPool {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let shape = self.windows.output_shape(input.shape())?.shape;
        let [_, _, height, width] = *input.shape() else { bail!("{:?} has no planes", input.shape()) };
        let padding = self.windows.computed_padding(&[height, width]);
        let axis = |axis: usize, length| Axis {
            length,
            window: self.windows.kernel_shape[axis],
            stride: self.windows.stride(axis),
            dilation: self.windows.dilation(axis),
            padding: padding[axis].pad_before,
            windows: padding[axis].convoluted,
        };
        let (down, across) = (axis(0, height), axis(1, width));
        let spans: TVec<_> =
            (0..across.window).map(|tap| across.span(tap)).filter(|(range, _)| !range.is_empty()).collect();

        let mut output = Tensor::zero::<f32>(&shape)?;
        let planes = input.try_as_plain_ram()?;
        let planes = planes.as_slice::<f32>()?.chunks_exact((height * width).max(1));
        let mut pooled = output.try_as_plain_ram_mut()?;
        let pooled = pooled.as_slice_mut::<f32>()?.chunks_exact_mut((down.windows * across.windows).max(1));
        let mut row = vec![0f32; width];
        for (plane, pooled) in planes.zip(pooled) {
            for (window, most) in pooled.chunks_exact_mut(across.windows).enumerate() {
                row.fill(f32::NEG_INFINITY);
                for tap in down.taps(window) {
                    fold(&mut row, plane[tap * width..][..width].iter());
                }
                most.fill(f32::NEG_INFINITY);
                for (range, start) in &spans {
                    fold(&mut most[range.clone()], row[*start..].iter().step_by(across.stride));
                }
            }
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for PlanarMaxPool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.windows.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;
    use tract_onnx::tract_core::ops::cnn::PaddingSpec;

    use super::super::example::noise;
    use super::*;

    /// One direction: length of the input, of the window, stride, dilation, padding before and after.
    fn axis() -> impl Strategy<Value = [usize; 6]> {
        let sizes = (1..12usize, 1..5usize, 1..5usize, 1..4usize, 0..4usize, 0..4usize);
        let axis = sizes.prop_map(|(length, window, stride, dilation, before, after)| {
            // ONNX has no windows that lie in the padding altogether.
            [length, window, stride, dilation, before.min(window - 1), after.min(window - 1)]
        });
        axis.prop_filter("a window fits", |[length, window, _, dilation, before, after]| {
            (window - 1) * dilation < length + before.min(after)
        })
    }

    proptest! {
        #[test]
        fn every_window_has_the_maximum_that_tract_finds(
            down in axis(), across in axis(), batch in 1..3usize, channels in 1..4usize, padding in 0..4u8, seed: u64,
        ) {
            let both = |part: usize| -> TVec<usize> { tvec![down[part], across[part]] };
            let padding = match padding {
                0 => PaddingSpec::Valid,
                1 => PaddingSpec::SameUpper,
                2 => PaddingSpec::SameLower,
                _ => PaddingSpec::Explicit(both(4), both(5)),
            };
            prop_assume!(padding != PaddingSpec::Valid || (0..2).all(|axis| (both(1)[axis] - 1) * both(3)[axis] < both(0)[axis]));
            let windows = PoolSpec::new(
                DataFormat::NCHW, both(1), padding, Some(both(3)), Some(both(2)), channels, channels,
            );
            let shape = [batch, channels, down[0], across[0]];
            let input = Tensor::from_shape(&shape, &noise(seed, shape.iter().product())).unwrap().into_tvalue();
            // With indices, tract looks at every element.
            let op = MaxPool { pool_spec: windows.clone(), with_index_outputs: Some(DatumType::I32) };
            let want = op.eval(&EvalContext::out_of_plan(), tvec![input.clone()]).unwrap();
            let got = PlanarMaxPool { windows }.eval(&EvalContext::out_of_plan(), tvec![input]).unwrap();
            prop_assert_eq!(&*got[0], &*want[0]);
        }
    }
}
