"""A plugin for Aftersales in Python: the handshake, the calls and the log, so that a plugin is a
class whose methods take and return the messages of protos/aftersales/plugin/v1.

    import aftersales_plugin
    from aftersales.plugin.v1 import erp_pb2, lifecycle_pb2

    class Acme:
        def Describe(self):
            return lifecycle_pb2.DescribeResponse(plugin_id="acme", ...)

        def PushChanges(self, request, call):
            return erp_pb2.PushChangesResponse(accepted_count=len(request.changes))

    aftersales_plugin.serve(Acme(), erp_pb2, "ErpPlugin")

Methods have the names of the contract. Describe is required; Configure(request), CheckHealth(),
ValidateConfig(request) and Shutdown() are asked for if they are there, and so is every method of
the kind, with the request and a Call. To refuse a call, raise Error; any other exception becomes
an INTERNAL error. They are called by several threads at once only if Describe says
`max_concurrency`; CheckHealth may come beside any of them.

Needs grpcio and protobuf. The environment, the handshake and the metadata that it speaks are told
in sdk/README.md.
"""

import datetime
import os
import signal
import sys
import threading
import time
import urllib.parse
from concurrent import futures

import grpc
from google.protobuf import timestamp_pb2

from aftersales.plugin.v1 import lifecycle_pb2

COOKIE = "b7c2f0d4-this-is-started-by-aftersales"
MESSAGE_BYTES_MAX = 64 << 20
STOP_SECONDS = 2
LEVELS = {"error": 3, "warning": 4, "info": 6, "debug": 7}


class Error(Exception):
    """The refusal of a call: a grpc.StatusCode and a sentence that says what to do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def _unix(path):
    # gRPC reads the address as a URI.
    return "unix:" + urllib.parse.quote(path)


def log(level, text):
    """Writes a line to the host's log, at `error`, `warning`, `info` or `debug`. No secrets, no
    buyer data."""
    line = f"<{LEVELS[level]}>{' '.join(str(text).splitlines())}\n"
    # In one piece: threads log at once.
    os.write(2, line.encode(errors="replace"))


class Call:
    """What comes with a call besides its request."""

    def __init__(self, context):
        metadata = dict(context.invocation_metadata())
        # Id of the effect, the same at every try; empty for calls that change nothing.
        self.idempotency_key = metadata.get("aftersales-idempotency-key", "")
        # The tenant, such as `sellers/acme`.
        self.seller = metadata.get("aftersales-seller", "")
        # 1 for the first try.
        self.attempt = int(metadata.get("aftersales-attempt", 1))
        self._now_ns = int(metadata.get("aftersales-now-unix-ns", time.time_ns()))
        timeout_ns = metadata.get("aftersales-timeout-ns")
        self._until = None if timeout_ns is None else time.monotonic() + int(timeout_ns) / 1e9
        self._context = context

    def now(self):
        """The host's time, in UTC. Never ask the system: tests and demos move the host's clock."""
        return datetime.datetime.fromtimestamp(self._now_ns / 1e9, datetime.timezone.utc)

    def now_proto(self):
        """The same as a google.protobuf.Timestamp."""
        return timestamp_pb2.Timestamp(seconds=self._now_ns // 10**9, nanos=self._now_ns % 10**9)

    def time_left(self):
        """Seconds until the caller stops waiting, not negative; None when it never does."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def cancelled(self):
        """Whether the caller has stopped waiting. Ask before anything that has an effect."""
        return not self._context.is_active() or self.time_left() == 0


class Host:
    """What the host does for a plugin: secrets that may change, small values that must outlive the
    process. Where the host offers neither (`available` is false), a method raises Error."""

    def __init__(self):
        path = os.environ.get("AFTERSALES_PLUGIN_HOST_SOCKET", "")
        self.available = bool(path)
        self._token = os.environ.get("AFTERSALES_PLUGIN_TOKEN", "")
        self._channel = grpc.insecure_channel(_unix(path)) if path else None

    def secret(self, key):
        """The value of a secret setting, as it is now."""
        messages = self._messages()
        return self._call("GetSecret", messages.GetSecretRequest(key=key),
                          messages.GetSecretResponse).value

    def get(self, key):
        """The bytes stored under a key, or None."""
        messages = self._messages()
        try:
            return self._call("GetValue", messages.GetValueRequest(key=key),
                              messages.GetValueResponse).value
        except Error as error:
            if error.code == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def put(self, key, value):
        """Stores at most 64 KiB under a key, durably."""
        messages = self._messages()
        self._call("PutValue", messages.PutValueRequest(key=key, value=value),
                   messages.PutValueResponse)

    def delete(self, key):
        """Forgets a key."""
        messages = self._messages()
        self._call("DeleteValue", messages.DeleteValueRequest(key=key),
                   messages.DeleteValueResponse)

    @staticmethod
    def _messages():
        from aftersales.plugin.v1 import plugin_host_service_pb2
        return plugin_host_service_pb2

    def _call(self, method, request, response_class):
        if self._channel is None:
            raise Error(grpc.StatusCode.FAILED_PRECONDITION, "this host offers no services")
        rpc = self._channel.unary_unary(
            f"/aftersales.plugin.v1.PluginHost/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString)
        try:
            return rpc(request, timeout=10,
                       metadata=(("aftersales-plugin-token", self._token),))
        except grpc.RpcError as error:
            raise Error(error.code(), error.details()) from None


def serve(plugin, contract, service):
    """Serves `plugin` until the host ends it: `contract` is the module of its kind's messages, such
    as erp_pb2, and `service` its service there, such as "ErpPlugin"."""
    socket = os.environ.get("AFTERSALES_PLUGIN_SOCKET", "")
    if os.environ.get("AFTERSALES_PLUGIN") != COOKIE or not socket:
        sys.exit("This is a plugin, started by the host and not by a person; "
                 f"run: aftersales serve --plugin {os.path.abspath(sys.argv[0])}")
    # Standard output is the handshake's alone; what else is printed goes to the log.
    handshake = os.dup(1)
    os.dup2(2, 1)

    description = plugin.Describe()
    serving = _Serving(plugin)
    server = grpc.server(
        # One more than the plugin takes at once: for its health.
        futures.ThreadPoolExecutor(max_workers=max(1, description.max_concurrency) + 1),
        options=(("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                 ("grpc.max_send_message_length", MESSAGE_BYTES_MAX)))
    server.add_generic_rpc_handlers((
        serving.handlers(lifecycle_pb2.DESCRIPTOR.services_by_name["PluginLifecycle"]),
        serving.handlers(contract.DESCRIPTOR.services_by_name[service])))
    server.add_insecure_port(_unix(socket))
    server.start()
    os.write(handshake, f"1|1|unix|{socket}|grpc\n".encode())
    os.close(handshake)

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    # The host holds the other end for as long as it lives.
    threading.Thread(target=lambda: (_read_to_end(0), ended.set()), daemon=True).start()
    ended.wait()
    server.stop(STOP_SECONDS).wait(STOP_SECONDS + 1)
    os._exit(0)  # a call that hangs does not keep the process


def _read_to_end(descriptor):
    while os.read(descriptor, 256):
        pass


class _Serving:
    """From gRPC to the methods of a plugin."""

    def __init__(self, plugin):
        self._plugin = plugin
        self._configured = False

    def handlers(self, service):
        methods = {}
        for method in service.methods:
            run = getattr(self, "_" + method.name, None) if service.name == "PluginLifecycle" \
                else self._of_kind(method.name)
            if run is None:
                continue  # gRPC answers UNIMPLEMENTED
            methods[method.name] = grpc.unary_unary_rpc_method_handler(
                self._guarded(run),
                request_deserializer=method.input_type._concrete_class.FromString,
                response_serializer=method.output_type._concrete_class.SerializeToString)
        return grpc.method_handlers_generic_handler(service.full_name, methods)

    @staticmethod
    def _guarded(run):
        def answer(request, context):
            try:
                return run(request, Call(context))
            except Error as error:
                code, message = error.code, str(error)
            except Exception as error:  # pylint: disable=broad-except
                code = grpc.StatusCode.INTERNAL
                message = f"{type(error).__name__} in the plugin: {error}"
            return context.abort(code, message)
        return answer

    def _of_kind(self, name):
        method = getattr(self._plugin, name, None)
        if method is None:
            return None

        def run(request, call):
            if not self._configured:
                raise Error(grpc.StatusCode.FAILED_PRECONDITION,
                            "is not configured yet; call Configure first")
            return method(request, call)
        return run

    def _optional(self, name):
        method = getattr(self._plugin, name, None)
        if method is None:
            raise Error(grpc.StatusCode.UNIMPLEMENTED, f"has no {name}")
        return method

    def _Describe(self, request, call):
        return self._plugin.Describe()

    def _ValidateConfig(self, request, call):
        return self._optional("ValidateConfig")(request)

    def _Configure(self, request, call):
        if self._configured:
            raise Error(grpc.StatusCode.FAILED_PRECONDITION, "is configured already")
        if hasattr(self._plugin, "Configure"):
            self._plugin.Configure(request)
        self._configured = True
        return lifecycle_pb2.ConfigureResponse()

    def _CheckHealth(self, request, call):
        if hasattr(self._plugin, "CheckHealth"):
            return self._plugin.CheckHealth()
        return lifecycle_pb2.CheckHealthResponse(healthy=True)

    def _Shutdown(self, request, call):
        if hasattr(self._plugin, "Shutdown"):
            self._plugin.Shutdown()
        return lifecycle_pb2.ShutdownResponse()
