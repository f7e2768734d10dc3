//! Tests of the head with every decoder, pooling and activation.

use candle_core::Device;

use super::super::kernels::Activation;
use super::*;

/// Computes the expected weights by the definition: all logits of a term first, then the pooling.
fn expected(hidden: &[Vec<f32>], decoder: &[Vec<f32>], bias: &[f32], pooling: Pooling, twice: bool) -> Vec<f32> {
    let weigh = |logit: f32| {
        let once = logit.max(0.0).ln_1p();
        if twice { once.ln_1p() } else { once }
    };
    let terms = decoder.iter().zip(bias).map(|(row, bias)| {
        let weights = hidden.iter().map(|h| weigh(h.iter().zip(row).map(|(x, y)| x * y).sum::<f32>() + bias));
        match pooling {
            Pooling::Max => weights.fold(0.0, f32::max),
            Pooling::Sum => weights.sum(),
        }
    });
    terms.collect()
}

#[test]
fn pooling_agrees_with_the_definition() -> Result<()> {
    let (width, vocabulary, bounds) = (8, TILE_TERMS + 37, [0usize, 3, 4, 9]);
    let device = Device::Cpu;
    let tensor = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &device);
    let (decoder, bias, hidden) = (tensor(&[vocabulary, width])?, tensor(&[vocabulary])?, tensor(&[9, width])?);
    let eye = Tensor::eye(width, DType::F32, &device)?.flatten_all()?.to_vec1::<f32>()?;
    let candle = Backend::Candle { device: device.clone(), dtype: DType::F32 };
    for ((pooling, activation), backend) in [
        (Pooling::Max, TermActivation::Relu),
        (Pooling::Max, TermActivation::Log1pRelu),
        (Pooling::Sum, TermActivation::Relu),
        (Pooling::Sum, TermActivation::Log1pRelu),
    ]
    .into_iter()
    .flat_map(|way| [(way, Backend::default()), (way, Backend::Kernels { int8: true }), (way, candle.clone())])
    {
        let identity = Linear::new(&eye, [width, width], None, Activation::None, &backend)?;
        let norm = || LayerNorm::new(&vec![1.0; width], None, 1e-12, &backend);
        let normed: Vec<Vec<f32>> = norm()?.forward(&identity.forward(&hidden)?)?.to_vec2()?;
        let rows = decoder.flatten_all()?.to_vec1::<f32>()?;
        let head = SpladeHead::new((identity, norm()?), &rows, bias.to_vec1()?, (pooling, activation), &backend)?;
        let outputs = head.forward(&hidden, &bounds, &mut YieldPoint::none())?;
        // int8 loses up to a hundredth of the largest weight per token, and the errors of the tokens add up in a sum.
        let tolerance = if matches!(backend, Backend::Kernels { int8: true }) { 0.1 } else { 1e-5 };
        for (output, rows) in outputs.iter().zip(bounds.windows(2)) {
            let Ok(vector) = output else { panic!("{rows:?} has no vector") };
            let twice = activation == TermActivation::Log1pRelu;
            let want =
                expected(&normed[rows[0]..rows[1]], &decoder.to_vec2()?, &bias.to_vec1::<f32>()?, pooling, twice);
            let mut got = vec![0.0; vocabulary];
            vector.iter().for_each(|(index, weight)| got[index as usize] = weight);
            for (got, want) in got.iter().zip(&want) {
                let case = format!("{pooling:?} {activation:?} {backend:?}: {got} for {want}");
                assert!((got - want).abs() < tolerance * want.max(1.0), "{case}");
            }
        }
    }
    Ok(())
}

const WIDTH: usize = 8;

/// Returns heads that only normalize hidden states; if the decoder on this machine is not [`Decoder::Float32`], a
/// second head uses that.
fn plain_heads(
    decoder: &[f32],
    bias: &[f32],
    way: (Pooling, TermActivation),
    backend: &Backend,
) -> Result<Vec<SpladeHead>> {
    let eye = Tensor::eye(WIDTH, DType::F32, &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    let head = || {
        let identity = Linear::new(&eye, [WIDTH, WIDTH], None, Activation::None, backend)?;
        let norm = LayerNorm::new(&[1.0; WIDTH], None, 1e-12, backend)?;
        SpladeHead::new((identity, norm), decoder, bias.to_vec(), way, backend)
    };
    let mut heads = vec![head()?];
    if let Decoder::BoundedMax(_) = heads[0].decoder {
        heads.push(SpladeHead { decoder: Decoder::float32(decoder, WIDTH)?, ..head()? });
    }
    Ok(heads)
}

type Rows = Vec<[f32; WIDTH]>;

fn forward(head: &SpladeHead, sequences: &[Rows], dtype: DType) -> Result<Vec<EncoderOutput>> {
    let mut bounds = vec![0];
    sequences.iter().for_each(|rows| bounds.push(bounds[bounds.len() - 1] + rows.len()));
    let rows = sequences.concat().concat();
    let hidden = Tensor::from_vec(rows, (bounds[sequences.len()], WIDTH), &Device::Cpu)?.to_dtype(dtype)?;
    head.forward(&hidden, &bounds, &mut YieldPoint::none())
}

/// Iterates over every pooling, activation and backend, with the dtype of the backend's hidden states.
fn ways() -> impl Iterator<Item = ((Pooling, TermActivation), Backend, DType)> {
    let candle = |dtype| Backend::Candle { device: Device::Cpu, dtype };
    let backends = [
        (Backend::default(), DType::F32),
        (Backend::Kernels { int8: true }, DType::F32),
        (candle(DType::F32), DType::F32),
        (candle(DType::F16), DType::F16),
    ];
    let ways = [Pooling::Max, Pooling::Sum]
        .into_iter()
        .flat_map(|pooling| [TermActivation::Relu, TermActivation::Log1pRelu].map(|activation| (pooling, activation)));
    ways.flat_map(move |way| backends.clone().map(|(backend, dtype)| (way, backend, dtype)))
}

/// Rows whose normalized form is zero in the first two columns, which the decoder's huge weights multiply.
fn harmless(seed: usize) -> Rows {
    let row = |row: usize| {
        let [a, b, c] = [1, 2, 3].map(|number| ((seed * 7 + row * 5 + number * 3) % 11) as f32 - 4.5);
        [0.0, 0.0, a, -a, b, -b, c, -c]
    };
    (0..3).map(row).collect()
}

/// Property: with each decoder, a sequence is an error if and only if an intermediate value is not finite. Its
/// neighbours have bit for bit the vectors that they have without it.
#[test]
fn a_non_finite_value_is_an_error_of_its_sequence_only() -> Result<()> {
    for (way, backend, dtype) in ways() {
        let huge = if dtype == DType::F16 { 6e4 } else { 3e38f32 };
        // Ordinary terms in two tiles, and two terms in the second tile that overflow if the state in their column is
        // large.
        let vocabulary = TILE_TERMS + 37;
        let mut decoder: Vec<f32> = (0..vocabulary * WIDTH).map(|at| ((at * 31 % 101) as f32 - 50.0) / 100.0).collect();
        let mut bias: Vec<f32> = (0..vocabulary).map(|term| (term % 5) as f32 / 5.0 - 0.3).collect();
        let row = |term: usize| term * WIDTH..(term + 1) * WIDTH;
        decoder[row(TILE_TERMS + 3)].copy_from_slice(&[huge, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        decoder[row(TILE_TERMS + 4)].copy_from_slice(&[0.0, huge / 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        bias[TILE_TERMS + 4] = 3.3e38;
        bias[7] = f32::NEG_INFINITY;
        let one = |row: [f32; WIDTH]| vec![harmless(40)[0], row, harmless(41)[1]];
        let mut bad = vec![
            // Logits of +∞ and −∞; a relu would replace −∞ by 0.
            one([2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            one([-2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ];
        for state in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38] {
            bad.push(one([0.0, 0.0, state, 1.0, 0.0, 0.0, 0.0, 0.0]));
        }
        if dtype == DType::F32 {
            // A logit that overflows only when the bias is added.
            bad.push(one([0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0]));
        }
        for head in plain_heads(&decoder, &bias, way, &backend)? {
            for bad in &bad {
                let batch = [harmless(1), bad.clone(), harmless(2), harmless(3), bad.clone()];
                let outputs = forward(&head, &batch, dtype)?;
                for (number, (output, rows)) in outputs.iter().zip(&batch).enumerate() {
                    let case = format!("{way:?} {backend:?}: {rows:?}");
                    match number {
                        1 | 4 => assert_eq!(*output, Err(NonFiniteOutput), "{case}"),
                        _ => {
                            assert!(output.as_ref().is_ok_and(|vector| vector.len() > 100), "{case}");
                            assert_eq!(*output, forward(&head, std::slice::from_ref(rows), dtype)?[0], "{case}");
                        }
                    }
                    assert!(output.as_ref().is_ok_and(|vector| !vector.indices().contains(&7)) || output.is_err());
                }
            }
        }
    }
    Ok(())
}

/// Property: if the largest states could overflow but do not, the vector equals the one without the check.
#[test]
fn values_close_to_overflow_give_a_vector() -> Result<()> {
    for (way, backend, dtype) in ways() {
        let huge = if dtype == DType::F16 { 3e4 } else { 1.5e38f32 };
        let vocabulary = TILE_TERMS + 37;
        let ordinary: Vec<f32> = (0..vocabulary * WIDTH).map(|at| ((at * 31 % 101) as f32 - 50.0) / 100.0).collect();
        let mut decoder = ordinary.clone();
        decoder[(TILE_TERMS + 3) * WIDTH] = huge;
        let bias = vec![0.1; vocabulary];
        let rows = [vec![[2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], harmless(5)[0]], harmless(6)];
        let [with, without] = [&decoder, &ordinary].map(|decoder| plain_heads(decoder, &bias, way, &backend));
        for (with, without) in with?.iter().zip(without?) {
            for (got, want) in forward(with, &rows, dtype)?.into_iter().zip(forward(&without, &rows, dtype)?) {
                let (Ok(mut got), Ok(mut want)) = (got, want) else { panic!("{way:?} {backend:?}") };
                assert!(got.values().iter().all(|weight| *weight < 1e3));
                let others = |index, _| index != TILE_TERMS as u32 + 3;
                got.retain(others);
                want.retain(others);
                assert_eq!(got, want, "{way:?} {backend:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_non_finite_decoder_is_refused() {
    let f16 = Backend::Candle { device: Device::Cpu, dtype: DType::F16 };
    let refused = |weight: f32, bias: f32, backend: &Backend| {
        let heads = plain_heads(&[weight; WIDTH], &[bias], (Pooling::Max, TermActivation::Relu), backend);
        heads.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for backend in [Backend::default(), Backend::Kernels { int8: true }, f16.clone()] {
        assert!(refused(f32::NAN, 0.0, &backend).contains("term 0"));
        assert!(refused(f32::NEG_INFINITY, 0.0, &backend).contains("term 0"));
        assert!(refused(0.5, f32::NAN, &backend).contains("bias of term 0"));
        assert!(refused(0.5, f32::INFINITY, &backend).contains("bias of term 0"));
        assert_eq!(refused(0.5, f32::NEG_INFINITY, &backend), "");
    }
    assert!(refused(1e5, 0.0, &f16).contains("use float32"));
}
