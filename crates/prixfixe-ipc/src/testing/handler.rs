//! The handler of a test, behind what goes wrong before and after it.

use std::future::{Ready, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::fates::Fates;
use super::fault::Kind;
use crate::outcome::Refusal;
use crate::server::{AsyncHandler, Handler, OwnedReply, OwnedRequest, Reply};

/// Answers as the script says. The handler outlives the servers that use it.
pub(super) struct Scripted<H> {
    pub(super) handler: Arc<Mutex<H>>,
    pub(super) fates: Arc<Fates>,
}

impl<H> Clone for Scripted<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            fates: Arc::clone(&self.fates),
        }
    }
}

impl<H: AsyncHandler> Scripted<H> {
    fn execute(&self, request: OwnedRequest, reply: OwnedReply) -> H::Future {
        self.fates.script.count_execution();
        // A handler that left its own state half changed is its author's concern, as in any server.
        let handler = self.handler.lock();
        let mut handler = handler.unwrap_or_else(PoisonError::into_inner);
        handler.handle(request, reply)
    }
}

impl<H: AsyncHandler + 'static> AsyncHandler for Scripted<H> {
    type Future = Pin<Box<dyn Future<Output = Result<(), Refusal>>>>;

    fn handle(&mut self, request: OwnedRequest, mut reply: OwnedReply) -> Self::Future {
        match self.fates.take_next() {
            Some(Kind::Refuse(refusal)) => Box::pin(ready(Err(refusal))),
            Some(Kind::Answer(mut bytes)) => {
                bytes.truncate(reply.room());
                Box::pin(ready(reply.write(&bytes)))
            }
            Some(Kind::Delay(time)) => {
                let this = self.clone();
                Box::pin(async move {
                    sleep(time).await;
                    this.execute(request, reply).await
                })
            }
            Some(Kind::NeverAnswer) => Box::pin(async move {
                pending::<()>().await;
                drop((request, reply));
                Ok(())
            }),
            Some(Kind::HangUpAfter(away)) => {
                let fates = Arc::clone(&self.fates);
                let executed = self.execute(request, reply);
                Box::pin(async move {
                    let _ = executed.await;
                    fates.hang_up(away);
                    pending().await
                })
            }
            // The server sees to the rest of these.
            Some(Kind::HangUpBefore(_) | Kind::CorruptReply) | None => {
                Box::pin(self.execute(request, reply))
            }
        }
    }
}

/// A [`Handler`] among handlers that take their time.
pub(super) struct AtOnce<H>(pub(super) H);

impl<H: Handler> AsyncHandler for AtOnce<H> {
    type Future = Ready<Result<(), Refusal>>;

    fn handle(&mut self, request: OwnedRequest, mut reply: OwnedReply) -> Self::Future {
        let (buffer, limit) = reply.parts();
        let mut answer = Reply::new(buffer, limit);
        let ended = self.0.handle(request.as_request(), &mut answer);
        let message_type = answer.message_type();
        reply.set_message_type(message_type);
        ready(ended)
    }
}

/// Waits without a runtime, at the cost of a thread.
async fn sleep(time: Duration) {
    #[derive(Default)]
    struct Alarm {
        rang: bool,
        waker: Option<Waker>,
    }
    let alarm = Arc::new(Mutex::new(Alarm::default()));
    let ringing = Arc::clone(&alarm);
    std::thread::spawn(move || {
        std::thread::sleep(time);
        let mut alarm = ringing.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.rang = true;
        if let Some(waker) = alarm.waker.take() {
            waker.wake();
        }
    });
    poll_fn(|context| {
        let mut alarm = alarm.lock().unwrap_or_else(PoisonError::into_inner);
        if alarm.rang {
            return Poll::Ready(());
        }
        alarm.waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await;
}
