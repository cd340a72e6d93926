//! Work that its caller carries on, and that goes on without one.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use crate::clock::BoxFuture;

/// Runs where it is awaited: a task of its own would cost a change of tasks on either side. What is dropped before it has
/// ended goes on in a task of its own.
pub struct Carried<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Carried<T> {
    /// To be awaited within a tokio runtime.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self::from(Box::pin(work) as BoxFuture<'static, T>)
    }
}

impl<T: Send + 'static> From<BoxFuture<'static, T>> for Carried<T> {
    fn from(work: BoxFuture<'static, T>) -> Self {
        Self(Some(work))
    }
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out meanwhile: what panics is not run again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_without_its_caller() {
        let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (wait, tell) = (Arc::clone(&go), Arc::clone(&done));
        let mut carried = Carried::new(async move {
            wait.notified().await;
            tell.notify_one();
        });
        assert!(futures_pending(&mut carried).await);
        drop(carried);
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn it_answers_its_caller() {
        assert_eq!(Carried::new(async { 7 }).await, 7);
    }

    /// Polls once: whether it is not done.
    async fn futures_pending(carried: &mut Carried<()>) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *carried).poll(cx).is_pending())).await
    }
}
