"""The example ERP plugins against a fake ERP: credit_notes_test.py STUBS COMMAND...

STUBS holds the contract's Python messages, COMMAND starts the plugin as the host would.
"""

import sys
import time
import unittest

sys.path.insert(0, sys.argv.pop(1))
COMMAND = sys.argv[1:]
del sys.argv[1:]

import grpc  # noqa: E402
from aftersales.plugin.v1 import erp_pb2  # noqa: E402
from aftersales.v1 import common_pb2, refund_pb2, return_pb2  # noqa: E402

from fake_erp_server import FakeErp  # noqa: E402
from plugin_child import PluginChild  # noqa: E402

RETURN = "sellers/acme/returns/r1"
BIG = 9_007_199_254_740_993  # no double holds it


def return_change(number, status=return_pb2.Return.STATUS_APPROVED):
    change = erp_pb2.Change(effect_id=f"sellers/acme/events/{number}")
    change.event.return_approved.SetInParent()
    state = change.return_resource
    state.name, state.order_external_id, state.status = RETURN, "113-1", status
    state.items.add(line_id="1", sku="LAMP", quantity_requested=2, quantity_received=1)
    return change


def refund_change(number, minor_units, currency="USD", body="refund_succeeded"):
    change = erp_pb2.Change(effect_id=f"sellers/acme/events/{number}")
    amount = common_pb2.Money(minor_units=minor_units, currency_code=currency)
    change.refund.name, change.refund.return_name = f"sellers/acme/refunds/{number}", RETURN
    change.refund.order_external_id = "113-1"
    change.refund.total.CopyFrom(amount)
    change.refund.paid_amount.CopyFrom(amount)
    change.refund.status = refund_pb2.Refund.STATUS_SUCCEEDED
    getattr(change.event, body).SetInParent()
    if body == "refund_succeeded":
        change.event.refund_succeeded.amount.CopyFrom(amount)
    return change


def receipt(number, **other):
    return {"id": f"grn-{number}", "return": RETURN, "received_at": "2026-03-02T09:00:00+01:00",
            "location": "reno", "lines": [{"line_id": "1", "quantity": number}]} | other


class CreditNotesTest(unittest.TestCase):
    def setUp(self):
        self.erp = FakeErp()
        self.addCleanup(self.erp.stop)
        self.child = PluginChild(COMMAND, {"url": self.erp.url, "token": self.erp.token})
        self.addCleanup(self.child.stop)

    def tearDown(self):
        self.assertNotIn(self.erp.token, "".join(self.child.lines))

    def push(self, *changes, seconds=30):
        return self.child.call("ErpPlugin/PushChanges", erp_pb2.PushChangesRequest(changes=changes),
                               seconds=seconds)

    def pull(self, cursor="", max_facts=500):
        return self.child.call("ErpPlugin/PullFacts",
                               erp_pb2.PullFactsRequest(cursor=cursor, max_facts=max_facts))

    def health(self):
        return self.child.call("PluginLifecycle/CheckHealth")

    def test_describes_itself(self):
        description = self.child.description
        self.assertEqual(description.plugin_id, "credit-notes")
        self.assertIn("facts", description.features)
        self.assertEqual([f.key for f in description.config_fields if f.secret], ["token"])

    def test_pushes_each_document_once_and_exactly(self):
        submitted = refund_change(3, 700, body="refund_submitted")
        changes = [return_change(1), refund_change(2, BIG, "JPY"), submitted,
                   refund_change(4, 1999, body="refund_reversed")]
        self.assertEqual(self.push(*changes).accepted_count, 4)
        notes = self.erp.documents("/credit_notes")
        self.assertEqual([(n["amount_minor"], n["currency"]) for n in notes],
                         [(BIG, "JPY"), (-1999, "USD")])
        self.assertEqual(notes[0]["refund"], "sellers/acme/refunds/2")
        self.assertEqual(self.erp.documents("/returns"), [{
            "return": RETURN, "order": "113-1", "rma": "", "status": "APPROVED",
            "items": [{"line_id": "1", "sku": "LAMP", "requested": 2, "received": 1}]}])
        # As after a crash of the host.
        self.assertEqual(self.push(*changes).accepted_count, 4)
        self.assertEqual(len(self.erp.effects), 3)
        self.assertEqual({key for _, key, _ in self.erp.effects},
                         {f"sellers/acme/events/{n}" for n in (1, 2, 4)})

    def test_stops_at_what_the_erp_does_not_take_and_goes_on_there(self):
        changes = [refund_change(n, 100 * n) for n in (1, 2, 3)]
        self.assertEqual(self.push(changes[0]).accepted_count, 1)
        for mode, wait in (("fail", 1), ("refuse", 60), ("garble", None)):
            self.erp.mode = mode
            answer = self.push(*changes[1:])
            self.assertEqual(answer.accepted_count, 0, mode)
            self.assertIn("sellers/acme/events/2", answer.message)
            if wait is not None:
                self.assertEqual(answer.retry_after.seconds, wait, mode)
            self.assertFalse(self.health().healthy, mode)
        self.erp.mode = "ok"
        self.assertEqual(self.push(*changes[1:]).accepted_count, 2)
        self.assertTrue(self.health().healthy)
        self.assertEqual([n["amount_minor"] for n in self.erp.documents("/credit_notes")],
                         [100, 200, 300])

    def test_a_lost_answer_doubles_nothing(self):
        self.erp.mode = "lose"
        self.assertEqual(self.push(refund_change(1, 100)).accepted_count, 0)
        self.assertEqual(len(self.erp.effects), 1)
        self.erp.mode = "ok"
        self.assertEqual(self.push(refund_change(1, 100)).accepted_count, 1)
        self.assertEqual(len(self.erp.effects), 1)
        self.assertGreaterEqual(len(self.erp.requests), 2)

    def test_an_answer_that_comes_twice_is_one(self):
        self.erp.mode = "twice"
        changes = [refund_change(n, n) for n in range(1, 6)]
        self.assertEqual(self.push(*changes).accepted_count, 5)
        self.assertEqual([n["amount_minor"] for n in self.erp.documents("/credit_notes")],
                         [1, 2, 3, 4, 5])

    def test_keeps_to_its_time(self):
        self.erp.mode, self.erp.slow_seconds = "slow", 8
        begun = time.monotonic()
        answer = self.push(refund_change(1, 100), refund_change(2, 200), seconds=1)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(answer.accepted_count, 0)
        self.erp.mode = "ok"
        self.assertEqual(self.push(refund_change(1, 100)).accepted_count, 1)
        self.assertEqual(len(self.erp.effects), 1)

    def test_a_new_token_is_taken_without_a_restart(self):
        self.erp.token = "another-token"
        self.assertEqual(self.push(return_change(1)).accepted_count, 0)
        self.child.host.secrets["token"] = "another-token"
        self.assertEqual(self.push(return_change(1)).accepted_count, 1)

    def test_an_erp_that_is_away_is_no_reason_to_end(self):
        self.erp.stop()
        self.assertEqual(self.push(return_change(1)).accepted_count, 0)
        with self.assertRaises(grpc.RpcError) as raised:
            self.pull()
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIsNone(self.child.process.poll())

    def test_pulls_receipts_page_by_page(self):
        self.erp.receipts = [receipt(1), receipt(2), receipt(3, received_at="2026-03-02T10:00:00Z")]
        first = self.pull(max_facts=2)
        self.assertTrue(first.has_more)
        self.assertEqual(len(first.facts), 2)
        fact = first.facts[1]
        self.assertEqual(fact.subject, RETURN)
        self.assertEqual(fact.external_id, "receipt-grn-2")
        self.assertEqual(fact.actor.role, common_pb2.ROLE_WAREHOUSE)
        self.assertEqual(fact.actor.id, "reno")
        self.assertEqual(fact.occurred_at.ToJsonString(), "2026-03-02T08:00:00Z")
        self.assertEqual(fact.units_received.receipt.lines[0].quantity, 2)
        self.assertEqual(fact.WhichOneof("body"), "units_received")
        last = self.pull(first.next_cursor, 2)
        self.assertEqual([f.external_id for f in last.facts], ["receipt-grn-3"])
        self.assertFalse(last.has_more)
        # The same page once more holds the same facts.
        self.assertEqual(self.pull(first.next_cursor, 2), last)
        self.assertEqual(len(self.pull(last.next_cursor).facts), 0)

    def test_what_is_no_receipt_is_skipped_and_said(self):
        self.erp.receipts = [receipt(1, lines=None), receipt(2, received_at="yesterday"), "what?",
                             receipt(3, lines=[{"line_id": "1", "quantity": "many"}]), receipt(4)]
        page = self.pull()
        self.assertEqual([f.external_id for f in page.facts], ["receipt-grn-4"])
        self.assertEqual(page.next_cursor, "5")
        deadline = time.monotonic() + 5
        while sum("receipt" in line for line in self.child.lines) < 4:
            self.assertLess(time.monotonic(), deadline, self.child.lines)
            time.sleep(0.01)

    def test_ends_when_the_host_does(self):
        child = PluginChild(COMMAND, {"url": self.erp.url, "token": self.erp.token})
        self.assertLess(child.stop(), 5)


if __name__ == "__main__":
    unittest.main()
