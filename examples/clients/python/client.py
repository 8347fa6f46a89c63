#!/usr/bin/python3
"""Works through the return requests of a seller: lists the queue, approves, follows the events.

Needs Debian's python3-grpcio, python3-protobuf, protobuf-compiler and protobuf-compiler-grpc. The
stubs are made at start, from the protos beside this repository's code or in AFTERSALES_PROTOS (such
as PREFIX/share/aftersales/protos); a real integration would make them in its build.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import uuid

import grpc

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PROTOS = os.environ.get("AFTERSALES_PROTOS", f"{REPOSITORY}/protos:{REPOSITORY}/core/status")
STUBS = tempfile.TemporaryDirectory()
for folder in map(pathlib.Path, PROTOS.split(":")):
    subprocess.run(
        ["protoc", *(f"-I{f}" for f in PROTOS.split(":")), f"--python_out={STUBS.name}",
         f"--grpc_python_out={STUBS.name}",
         "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
         *(str(f.relative_to(folder)) for f in sorted(folder.rglob("*.proto")))], check=True)
sys.path.insert(0, STUBS.name)

from aftersales.v1.deadline_pb2 import Deadline  # noqa: E402  (the stubs exist only now)
from aftersales.v1.event_service_pb2 import WatchRequest  # noqa: E402
from aftersales.v1.event_service_pb2_grpc import EventServiceStub  # noqa: E402
from aftersales.v1.queue_service_pb2 import ListWorkItemsRequest  # noqa: E402
from aftersales.v1.queue_service_pb2_grpc import QueueServiceStub  # noqa: E402
from aftersales.v1.return_pb2 import Return  # noqa: E402
from aftersales.v1.return_service_pb2 import ApproveReturnRequest  # noqa: E402
from aftersales.v1.return_service_pb2_grpc import ReturnServiceStub  # noqa: E402
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # noqa: E402
from google.rpc.status_pb2 import Status  # noqa: E402

TIMEOUT = 10  # seconds; every call has a deadline, so that a lost host is an error and no hang


def explain(error):
    """The lines that a person needs of a refused call: the sentence, the reason, the fields."""
    lines = [f"{error.code().name}: {error.details()}"]
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in Status.FromString(value).details:
            info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
            if detail.Unpack(info):
                known = ", ".join(f"{k}={v}" for k, v in sorted(info.metadata.items()))
                lines.append(f"reason {info.reason}" + (f" ({known})" if known else ""))
            elif detail.Unpack(bad):
                lines += [f"field {v.field}: {v.description}" for v in bad.field_violations]
            elif detail.Unpack(retry):
                lines.append(f"try again in {retry.retry_delay.ToTimedelta()}")
    return "\n    ".join(lines)


def list_queue(channel, seller):
    """All work items, the most urgent first, page by page."""
    queue = QueueServiceStub(channel)
    request = ListWorkItemsRequest(parent=seller, page_size=100)
    while True:
        page = queue.ListWorkItems(request, timeout=TIMEOUT)
        yield from page.work_items
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def approve_first(channel, names):
    """Approves the first return that may be approved; says why for those that may not."""
    returns = ReturnServiceStub(channel)
    for name in names:
        # Made once for the decision, not once for the try: the host answers a repeated request
        # with this id as it did the first time, so a lost answer can be asked for again.
        request = ApproveReturnRequest(name=name, request_id=str(uuid.uuid4()))
        try:
            approved = returns.ApproveReturn(request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            print(f"  {name} is not ours to approve\n    {explain(error)}")
            continue
        print(f"  {approved.name} is {Return.Status.Name(approved.status)}, etag {approved.etag}")
        return approved.name
    sys.exit("No return could be approved.")


def watch_until_approved(channel, seller, name, token):
    """Follows the events from the token until the approval of the return is seen."""
    events = EventServiceStub(channel)
    for message in events.Watch(WatchRequest(parent=seller, resume_token=token), timeout=60):
        token = message.resume_token  # store it once the event is handled, and resume with it
        if not message.HasField("event"):
            continue  # a heartbeat
        event, kind = message.event, message.event.WhichOneof("body")
        if event.subject == name:
            print(f"  {event.occurred_at.ToJsonString()}  {kind:24}  {event.status_after}")
            if kind == "return_approved":
                return token
    sys.exit("The events ended before the approval was seen.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of the host, such as 127.0.0.1:50151")
    parser.add_argument("seller", help="such as sellers/acme")
    parser.add_argument("--resume-token", default="start",
                        help="of the last event that was handled; from the beginning if absent")
    args = parser.parse_args()

    try:
        with grpc.insecure_channel(args.address) as channel:
            print(f"Queue of {args.seller}")
            open_requests = []
            for item in list_queue(channel, args.seller):
                due = item.due_at.ToJsonString()
                late = "  OVERDUE" if item.overdue else ""
                print(f"  {due}  {item.order_external_id:20} {item.action}{late}")
                if item.kind == Deadline.KIND_RETURN_RESPONSE:
                    open_requests.append(item.subject)
            print("Approve the most urgent")
            name = approve_first(channel, dict.fromkeys(open_requests))
            print("Events of it")
            token = watch_until_approved(channel, args.seller, name, args.resume_token)
            print(f"Go on from here with --resume-token {token}")
    except grpc.RpcError as error:
        sys.exit(explain(error))


if __name__ == "__main__":
    main()
