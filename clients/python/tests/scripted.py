"""Fake server whose streams and calls are functions that the test passes."""

from concurrent import futures

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import encoder_service_pb2_grpc, index_service_pb2_grpc
from splade_sidecar.v1 import index_service_pb2 as index


class Scripted(encoder_service_pb2_grpc.EncoderServiceServicer, index_service_pb2_grpc.IndexServiceServicer):
    """Runs one function per stream, in order, and one function per unary method, such as `Search=function`."""

    def __init__(self, *streams, **calls):
        self.streams = list(streams)
        self.options, self.received, self.read_to_the_end = [], [], []
        for name, function in calls.items():
            setattr(self, name, function)
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        encoder_service_pb2_grpc.add_EncoderServiceServicer_to_server(self, self._server)
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()

    def Ingest(self, requests, context):
        yield from self._next(requests, context)

    def EncodeStream(self, requests, context):
        yield from self._next(requests, context)

    def _next(self, requests, context):
        """Runs the next stream. Records its options, its items, and whether the client half-closed it."""
        stream = self.streams.pop(0)
        number = len(self.options)
        self.options.append(next(requests).options)
        self.received.append([])
        self.read_to_the_end.append(False)

        def items():
            for request in requests:
                for item in getattr(request, "operations", None) or request.texts:
                    self.received[number].append(item)
                    yield item
            self.read_to_the_end[number] = True

        yield from stream(items(), context, self.options[number])


def opened(options, incarnation="first"):
    response = index.IngestResponse(durable_through=options.first_sequence - 1)
    response.opened.collection.name, response.opened.collection.incarnation = options.collection, incarnation
    return response


def result(sequence, status=index.OPERATION_STATUS_INDEXED, **fields):
    return index.OperationResult(sequence=sequence, status=status, **fields)


def failure(sequence, reason="STORE_UNAVAILABLE", delay_s=0.0):
    failed = result(sequence, index.OPERATION_STATUS_FAILED)
    failed.error.code, failed.error.reason, failed.error.message = 14, reason, f"the reason is {reason}"
    failed.error.retry_delay.FromMilliseconds(int(delay_s * 1000))
    return failed


def store_all(items, context, options):
    """Stream function that stores each operation."""
    yield opened(options)
    for sequence, _ in enumerate(items, options.first_sequence):
        yield index.IngestResponse(results=[result(sequence)], durable_through=sequence)


def encoded(sequence):
    text = encoder.EncodedText()
    text.stats.token_count = sequence
    return encoder.EncodeStreamResponse(results=[encoder.EncodeStreamResult(sequence=sequence, encoded=text)])


def abort(context, code, message, reason, delay_s=None, **metadata):
    """Ends a call with an error in the server's format."""
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="splade-sidecar", metadata=metadata)
    status.details.append(_packed(info))
    if delay_s is not None:
        delay = error_details_pb2.RetryInfo()
        delay.retry_delay.FromMilliseconds(int(delay_s * 1000))
        status.details.append(_packed(delay))
    context.abort_with_status(rpc_status.to_status(status))


def _packed(message):
    packed = Any()
    packed.Pack(message)
    return packed
