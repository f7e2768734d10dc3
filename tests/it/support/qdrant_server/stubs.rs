//! Calls that the server does not support.

/// Implements calls of a tonic service that return UNIMPLEMENTED, in the expanded form of `#[async_trait]`.
macro_rules! unimplemented_calls {
    ($($call:ident: $request:ty => $response:ty,)*) => { $(
        fn $call<'server, 'async_trait>(
            &'server self,
            _: tonic::Request<$request>,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = Result<tonic::Response<$response>, tonic::Status>> + Send + 'async_trait>,
        >
        where
            'server: 'async_trait,
            Self: 'async_trait,
        {
            let message = concat!("the test server does not answer ", stringify!($call));
            Box::pin(async move { Err(tonic::Status::unimplemented(message)) })
        }
    )* };
}

pub(super) use unimplemented_calls;
