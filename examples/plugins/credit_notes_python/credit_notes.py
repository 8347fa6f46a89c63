"""An ERP over HTTP: returns and paid refunds go there as they are recorded, what its warehouse
received comes back.

    POST URL/returns        the return as it is now, at each of its changes
    POST URL/credit_notes   one for each refund that was paid, and one with a negative amount where
                            the money came back
    GET  URL/receipts?seller=S&after=CURSOR&limit=N
                            {"receipts": [{"id", "return", "received_at", "location",
                            "lines": [{"line_id", "quantity"}]}], "next": CURSOR, "more": BOOL}

Every POST carries the header Idempotency-Key with the id of the change: the same key means the same
document, which the ERP keeps once. Amounts are whole numbers of minor units with their currency.
"""

import datetime
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request

import aftersales_plugin
import grpc
from aftersales.plugin.v1 import erp_pb2, lifecycle_pb2
from aftersales.v1 import common_pb2, event_pb2, plugin_pb2, return_pb2

REQUEST_SECONDS = 10
ANSWER_BYTES_MAX = 8 << 20
RETRY_SECONDS = 5
REFUSED_RETRY_SECONDS = 60  # for what a person has to put right


class NotTaken(Exception):
    """The ERP did not take a document, or nobody knows whether it did."""

    def __init__(self, message, retry_seconds=RETRY_SECONDS):
        super().__init__(message)
        self.retry_seconds = retry_seconds


class CreditNotes:
    def __init__(self):
        self._host = aftersales_plugin.Host()
        self._problem = ""

    def Describe(self):
        supported = plugin_pb2.Plugin.CAPABILITY_SUPPORTED
        return lifecycle_pb2.DescribeResponse(
            plugin_id="credit-notes", display_name="Credit notes over HTTP (Python)",
            vendor="Aftersales", version="1.0.0", kind=plugin_pb2.Plugin.KIND_ERP,
            methods=[
                lifecycle_pb2.MethodDescription(method="PushChanges", capability=supported,
                                                idempotent=True),
                lifecycle_pb2.MethodDescription(method="PullFacts", capability=supported),
            ],
            features=["facts"],
            config_fields=[
                lifecycle_pb2.ConfigField(
                    key="url", required=True, type=lifecycle_pb2.ConfigField.TYPE_URL,
                    description="Address of the ERP, such as https://erp.example/api"),
                lifecycle_pb2.ConfigField(
                    key="token", required=True, secret=True,
                    description="Token that the ERP wants in the header Authorization"),
            ])

    def ValidateConfig(self, request):
        response = lifecycle_pb2.ValidateConfigResponse()
        url = urllib.parse.urlsplit(request.config.get("url", ""))
        if url.query or url.fragment:
            response.problems.add(key="url", message="must end before any ? or #")
        return response

    def Configure(self, request):
        self._url = request.config["url"].rstrip("/")
        self._token = request.config["token"]

    def CheckHealth(self):
        return lifecycle_pb2.CheckHealthResponse(healthy=not self._problem, message=self._problem)

    def PushChanges(self, request, call):
        response = erp_pb2.PushChangesResponse()
        for change in request.changes:
            path, document = document_of(change)
            if document is None:
                response.accepted_count += 1
                continue
            try:
                self._send(call, "POST", path, document, change.effect_id)
            except NotTaken as error:
                # None is passed over: the ERP has to take them in their order.
                response.message = self._problem = f"{change.effect_id}: {error}"
                response.retry_after.seconds = error.retry_seconds
                return response
            response.accepted_count += 1
        self._problem = ""
        return response

    def PullFacts(self, request, call):
        query = urllib.parse.urlencode({"seller": call.seller.removeprefix("sellers/"),
                                        "after": request.cursor, "limit": request.max_facts})
        try:
            page = self._send(call, "GET", f"/receipts?{query}")
            receipts, cursor, more = page["receipts"], page["next"], page["more"]
        except NotTaken as error:
            raise aftersales_plugin.Error(grpc.StatusCode.UNAVAILABLE, str(error)) from None
        except (KeyError, TypeError):
            raise aftersales_plugin.Error(
                grpc.StatusCode.INTERNAL, "the ERP's receipts lack receipts, next or more") from None
        response = erp_pb2.PullFactsResponse(next_cursor=str(cursor), has_more=bool(more))
        for receipt in receipts:
            try:
                response.facts.append(fact_of(receipt))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                aftersales_plugin.log("warning", f"a receipt cannot be read: {error!r}")
        return response

    def _send(self, call, method, path, document=None, key=None):
        """The ERP's answer, read as JSON. NotTaken where there is none that counts."""
        try:
            return self._try(call, method, path, document, key)
        except urllib.error.HTTPError as error:
            if error.code == 401 and self._token_changed():
                return self._send(call, method, path, document, key)
            if error.code in (401, 403):
                raise NotTaken(f"the ERP answers {error.code}: check the setting `token`",
                               REFUSED_RETRY_SECONDS) from None
            if error.code == 429 or error.code >= 500:
                raise NotTaken(f"the ERP answers {error.code}", retry_after(error)) from None
            raise NotTaken(f"the ERP refuses it with {error.code}; it holds up all others until "
                           "the ERP takes it", REFUSED_RETRY_SECONDS) from None
        except (OSError, http.client.HTTPException) as error:
            raise NotTaken(f"the ERP does not answer: {error}") from None
        except ValueError:
            raise NotTaken("the ERP's answer is not JSON") from None

    def _try(self, call, method, path, document, key):
        if call.cancelled():
            raise NotTaken("no time is left for it", 0)
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        body = None
        if document is not None:
            body = json.dumps(document).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        left = call.time_left()
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        with OPENER.open(request, timeout=min(REQUEST_SECONDS,
                                              REQUEST_SECONDS if left is None else left)) as answer:
            text = answer.read(ANSWER_BYTES_MAX)
            return json.loads(text) if text else None

    def _token_changed(self):
        if not self._host.available:
            return False
        try:
            token = self._host.secret("token")
        except aftersales_plugin.Error:
            return False
        changed, self._token = token != self._token, token
        return changed


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for the configured address alone."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def retry_after(error):
    """What the ERP asks for in seconds, or our own."""
    text = error.headers.get("Retry-After", "")
    return min(int(text), 3600) if text.isdecimal() else RETRY_SECONDS


def document_of(change):
    """Path and document that tell the ERP of a change; None where it need not know."""
    kind = change.event.WhichOneof("body")
    if change.HasField("return_resource"):
        state = change.return_resource
        return "/returns", {
            "return": state.name,
            "order": state.order_external_id,
            "rma": state.external_rma_id,
            "status": return_pb2.Return.Status.Name(state.status).removeprefix("STATUS_"),
            "items": [{"line_id": item.line_id, "sku": item.sku,
                       "requested": item.quantity_requested, "received": item.quantity_received}
                      for item in state.items],
        }
    if change.HasField("refund") and kind == "refund_succeeded":
        amount = change.event.refund_succeeded.amount
        return "/credit_notes", credit_note(change.refund, amount.minor_units,
                                            amount.currency_code)
    if change.HasField("refund") and kind == "refund_reversed":
        amount = change.refund.paid_amount
        return "/credit_notes", credit_note(change.refund, -amount.minor_units,
                                            amount.currency_code)
    return "", None


def credit_note(refund, minor_units, currency):
    return {"refund": refund.name, "return": refund.return_name,
            "order": refund.order_external_id, "amount_minor": minor_units, "currency": currency,
            "payment": refund.external_refund_id}


def fact_of(receipt):
    """The fact that a warehouse received goods."""
    received_at = datetime.datetime.fromisoformat(receipt["received_at"].replace("Z", "+00:00"))
    if received_at.tzinfo is None:
        raise ValueError(f"received_at of {receipt['id']} has no time zone")
    fact = event_pb2.Event(subject=receipt["return"], external_id=f"receipt-{receipt['id']}",
                           actor=common_pb2.Actor(role=common_pb2.ROLE_WAREHOUSE,
                                                  id=receipt.get("location", "")))
    fact.occurred_at.FromDatetime(received_at.astimezone(datetime.timezone.utc)
                                  .replace(tzinfo=None))
    body = fact.units_received.receipt
    body.receipt_id = fact.external_id
    body.received_at.CopyFrom(fact.occurred_at)
    body.location = receipt.get("location", "")
    for line in receipt["lines"]:
        body.lines.add(line_id=line["line_id"], quantity=line["quantity"])
    return fact
