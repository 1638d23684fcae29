//! What the metrics say.

/// The sum of all series of a metric whose labels contain every one of `labels`.
pub fn sample(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let series = metrics.lines().filter(|line| !line.starts_with('#'));
    let series = series.filter(|line| line.split(['{', ' ']).next() == Some(name));
    let matching = series.filter(|line| labels.iter().all(|label| line.contains(label)));
    let values: Vec<f64> = matching.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}
