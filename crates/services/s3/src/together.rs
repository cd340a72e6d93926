//! Futures that run together, in one task.

use std::{future::Future, pin::Pin, task::Poll};

/// Runs all at once; gives their results in the order they were given.
#[allow(clippy::type_complexity)] // a future, then its output
pub(crate) async fn in_order<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<(Option<Pin<Box<F>>>, Option<F::Output>)> =
        futures.into_iter().map(|future| (Some(Box::pin(future)), None)).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (future, output) in &mut running {
            let Some(pinned) = future else { continue };
            match pinned.as_mut().poll(cx) {
                Poll::Ready(done) => (*future, *output) = (None, Some(done)),
                Poll::Pending => waiting = true,
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn results_keep_their_order() {
        let (open, wait) = tokio::sync::oneshot::channel();
        let mut ends = (Some(open), Some(wait));
        let results = super::in_order([0, 1].map(|n| {
            let (open, wait) = if n == 1 { (ends.0.take(), None) } else { (None, ends.1.take()) };
            async move {
                if let Some(wait) = wait {
                    wait.await.unwrap();
                }
                if let Some(open) = open {
                    open.send(()).unwrap();
                }
                n
            }
        }))
        .await;
        assert_eq!(results, [0, 1]);
    }
}
