"""A plugin in a process of its own, as the host runs it, for tests of plugins alone: a program, or
a shared object by `aftersales plugin-runner FILE`. Needs the contract's messages on sys.path.
"""

import os
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent import futures

import grpc
from aftersales.plugin.v1 import erp_pb2, lifecycle_pb2, plugin_host_service_pb2

COOKIE = "b7c2f0d4-this-is-started-by-aftersales"
SERVICES = {
    "PluginLifecycle": lifecycle_pb2.DESCRIPTOR.services_by_name["PluginLifecycle"],
    "ErpPlugin": erp_pb2.DESCRIPTOR.services_by_name["ErpPlugin"],
}


class PluginHost:
    """The services that the host offers to its children, with urllib behind http/1."""

    def __init__(self, socket, token):
        self.secrets = {}
        self.values = {}
        self._token = token
        service = plugin_host_service_pb2.DESCRIPTOR.services_by_name["PluginHost"]
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            service.full_name, {
                method.name: grpc.unary_unary_rpc_method_handler(
                    self._checked(getattr(self, method.name)),
                    request_deserializer=method.input_type._concrete_class.FromString,
                    response_serializer=method.output_type._concrete_class.SerializeToString)
                for method in service.methods}),))
        self._server.add_insecure_port(f"unix:{socket}")
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()

    def _checked(self, run):
        def answer(request, context):
            if dict(context.invocation_metadata()).get("aftersales-plugin-token") != self._token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such plugin")
            return run(request, context)
        return answer

    class _NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    def SendHttpRequest(self, request, context):
        seconds = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") \
            else 30
        sent = urllib.request.Request(request.url, request.body or None,
                                      {h.name: h.value for h in request.headers},
                                      method=request.method)
        try:
            answer = urllib.request.build_opener(self._NoRedirects).open(
                sent, timeout=min(seconds, context.time_remaining() or seconds))
        except urllib.error.HTTPError as error:
            answer = error
        except TimeoutError:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer in time")
        except urllib.error.URLError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error.reason))
        except OSError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        response = plugin_host_service_pb2.SendHttpRequestResponse(status=answer.status)
        for name, value in answer.headers.items():
            response.headers.add(name=name.lower(), value=value)
        response.body = answer.read()
        return response

    def GetSecret(self, request, context):
        if request.key not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such secret")
        return plugin_host_service_pb2.GetSecretResponse(value=self.secrets[request.key])

    def GetValue(self, request, context):
        if request.key not in self.values:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such value")
        return plugin_host_service_pb2.GetValueResponse(value=self.values[request.key])

    def PutValue(self, request, context):
        self.values[request.key] = request.value
        return plugin_host_service_pb2.PutValueResponse()

    def DeleteValue(self, request, context):
        self.values.pop(request.key, None)
        return plugin_host_service_pb2.DeleteValueResponse()


class PluginChild:
    def __init__(self, command, config):
        self.folder = tempfile.TemporaryDirectory()
        socket, host_socket = f"{self.folder.name}/plugin", f"{self.folder.name}/host"
        self.host = PluginHost(host_socket, "token-of-this-child")
        self.lines = []  # what it logs
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AFTERSALES_")}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment | {
                "AFTERSALES_PLUGIN": COOKIE, "AFTERSALES_PLUGIN_SOCKET": socket,
                "AFTERSALES_PLUGIN_HOST": "9.8.7", "AFTERSALES_PLUGIN_HOST_SOCKET": host_socket,
                "AFTERSALES_PLUGIN_TOKEN": "token-of-this-child"})
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr),
                                        daemon=True)
        self._reader.start()
        handshake = self.process.stdout.readline().rstrip("\n")
        assert handshake == f"1|1|unix|{socket}|grpc", (handshake, self.lines)
        self._channel = grpc.insecure_channel(f"unix:{socket}")
        self.description = self.call("PluginLifecycle/Describe")
        self.host.secrets = {field.key: config[field.key]
                             for field in self.description.config_fields
                             if field.secret and field.key in config}
        request = lifecycle_pb2.ConfigureRequest(config=config, data_directory=self.folder.name)
        self.call("PluginLifecycle/Configure", request)

    def call(self, method, request=None, seller="sellers/acme", seconds=30):
        service, name = method.split("/")
        described = SERVICES[service].methods_by_name[name]
        if request is None:
            request = described.input_type._concrete_class()
        return self._channel.unary_unary(
            f"/{SERVICES[service].full_name}/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=described.output_type._concrete_class.FromString)(
                request, timeout=seconds + 1, metadata=(
                    ("aftersales-seller", seller), ("aftersales-attempt", "1"),
                    ("aftersales-now-unix-ns", str(time.time_ns())),
                    ("aftersales-timeout-ns", str(int(seconds * 1e9)))))

    def stop(self):
        """Ends it as the host does; how long it took, in seconds."""
        begun = time.monotonic()
        self.process.stdin.close()
        self.process.wait(10)
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        self._channel.close()
        self.host.stop()
        self.folder.cleanup()
        return time.monotonic() - begun
