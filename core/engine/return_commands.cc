#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/policy.h"
#include "core/domain/refund_fold.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_fold.h"
#include "core/domain/return_guards.h"
#include "core/domain/return_options.h"
#include "core/engine/commands.h"
#include "core/engine/explain.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

// The frame of every command on one return: open, check the caller's etag, run, save.
template <typename Request, typename Body>
absl::StatusOr<v1::Return> OnReturn(Command& c, const Request& request, Body body) {
  auto editor = ReturnEditor::Open(c, request.name());
  if (!editor.ok()) return editor.status();
  if (absl::Status s =
          CheckEtag(request.etag(), editor->state().etag(), StatusName(editor->state().status()));
      !s.ok()) {
    return s;
  }
  if (absl::Status s = body(*editor); !s.ok()) return s;
  return editor->Save();
}

// A batch: what is refused changes nothing, for guards come before changes.
template <typename Response, typename Request, typename One>
absl::StatusOr<Response> OnEach(Command& c, const Request& request, One one) {
  if (request.requests_size() < 1 || request.requests_size() > 100) {
    return InvalidField("requests", "BAD_BATCH", "send 1 to 100 requests");
  }
  Response response;
  for (const auto& each : request.requests()) {
    auto state = one(c, each);
    v1::ReturnResult* result = response.add_results();
    if (state.ok()) {
      *result->mutable_return_resource() = *std::move(state);
    } else {
      result->set_reason(ReasonOf(state.status()));
      result->set_message(std::string(state.status().message()));
    }
  }
  return response;
}

Deciding Seen(const Command& c, ReturnEditor& editor) {
  return {editor.channel().channel, editor.rules(),           c.actor.role(), c.now,
          editor.order(),           editor.returns_of_order()};
}

// What every decision on a request looks at.
Explain ExplainDecision(const ReturnEditor& editor, std::string_view verdict,
                        std::string_view sentence, v1::Event* fact) {
  const v1::Return& state = editor.state();
  Explain why(fact, verdict, sentence);
  why.Input("requested_at", calendar::InstantText(calendar::FromProto(state.requested_at())))
      .Input("in_policy", state.validity().in_policy() ? "true" : "false")
      .Input("return_etag", state.etag());
  if (editor.order() == nullptr) return why;
  why.Input("order_etag", editor.order()->etag());
  if (editor.order()->has_delivered_at()) {
    why.Input("delivered_at",
              calendar::InstantText(calendar::FromProto(editor.order()->delivered_at())));
  }
  return why;
}

// Asks the marketplace plugin to repeat the decision there, unless it has no way at all.
void QueueDecision(Command& c, const ReturnEditor& editor) {
  const std::string& plugin_id = editor.channel().channel.marketplace_plugin();
  const plugins::PluginHandle* plugin = c.services.plugins.Find(plugin_id);
  if (plugin == nullptr ||
      plugin->CapabilityOf("DecideReturn") == v1::Plugin::CAPABILITY_UNSUPPORTED) {
    return;
  }
  store::Effect effect;
  effect.seller = c.seller;
  effect.effect_id = c.NewId("eff_");
  effect.plugin = plugin_id;
  effect.method = "DecideReturn";
  effect.subject = editor.state().name();
  effect.premise = PremiseOf(editor.state().decision());
  effect.due_at = absl::ToUnixMicros(c.now);
  c.store.PutEffect(&effect);
}

// What the policy may have the clock do with a request that was missed and is inside the policy:
// approve it, as a rule would. Where the guards refuse it, it stays a person's.
void ApproveMissed(Command& c, ReturnEditor& editor) {
  const v1::Return& state = editor.state();
  if (!editor.policy().approve_missed_requests() || !state.validity().in_policy() ||
      state.status() != v1::Return::STATUS_REQUESTED) {
    return;
  }
  Deciding deciding = Seen(c, editor);
  deciding.role = v1::ROLE_RULE;
  auto approved = CheckApprove(state, deciding, {});
  if (!approved.ok()) return;
  v1::Event fact = editor.NewFact();
  fact.mutable_actor()->set_role(v1::ROLE_RULE);
  fact.mutable_actor()->set_id("approve_missed_requests");
  ExplainDecision(editor, "APPROVED", "Nobody answered the request in time, and it is in policy.",
                  &fact)
      .Rule("approve_missed_requests", editor.policy());
  *fact.mutable_return_approved() = *std::move(approved);
  editor.Add(std::move(fact));
  QueueDecision(c, editor);
}

absl::Status TextLimit(std::string_view field, std::string_view text, size_t limit) {
  if (text.size() <= limit) return absl::OkStatus();
  return InvalidField(field, "TOO_LONG", Cat("at most ", limit, " bytes"));
}

std::vector<v1::Refund> RefundsOf(Command& c, const v1::Return& state) {
  std::vector<v1::Refund> refunds =
      c.store.RefundsOfOrder(c.seller, names::Split(state.order()).id);
  std::erase_if(refunds, [&](const v1::Refund& r) { return r.return_name() != state.name(); });
  return refunds;
}

}  // namespace

absl::StatusOr<v1::Return> CreateReturn(Command& c, const v1::CreateReturnRequest& request) {
  v1::Return wanted = request.return_resource();
  auto order_id = IdIn(c, wanted.order(), "orders", "return_resource.order");
  if (!order_id.ok()) return order_id.status();
  std::optional<v1::Order> order = c.store.FindOrder(c.seller, *order_id);
  if (!order) return NotFound(wanted.order());
  auto channel = c.Channel(order->channel());
  if (!channel.ok()) return channel.status();
  if (wanted.external_id().empty()) wanted.set_external_id(wanted.external_rma_id());
  if (absl::Status s = TextLimit("return_resource.external_id", wanted.external_id(), 200);
      !s.ok()) {
    return s;
  }
  if (!wanted.external_id().empty() &&
      c.store.FindReturnByExternalId(c.seller, (*channel)->id, wanted.external_id())) {
    return Refuse(absl::StatusCode::kAlreadyExists, "RETURN_EXISTS",
                  Cat("the channel has a return with external id ", wanted.external_id()))
        .Field("return_resource.external_id", "leave it out or read the return that is there");
  }
  if (absl::Status s = CheckTellsOwn(wanted, c.actor.role(), "return_resource"); !s.ok()) return s;
  // A buyer asks now.
  if (c.actor.role() == v1::ROLE_BUYER && wanted.has_requested_at()) {
    return InvalidField("return_resource.requested_at", "NOT_SETTABLE",
                        "leave it out; it is for the host to say");
  }
  const std::string external_id = order->external_id();
  ReturnEditor editor = ReturnEditor::Create(c, **channel, external_id, std::move(order));
  const absl::Time asked =
      wanted.has_requested_at() ? calendar::FromProto(wanted.requested_at()) : c.now;
  if (absl::Status s = CheckCreate(*editor.order(), {(*channel)->policies, asked}, c.now,
                                   editor.returns_of_order(), &wanted, (*channel)->zone);
      !s.ok()) {
    return s;
  }
  v1::Event fact = editor.NewFact();
  *fact.mutable_occurred_at() = wanted.requested_at();
  *fact.mutable_return_requested()->mutable_request() = std::move(wanted);
  editor.Add(std::move(fact));
  return editor.Save();
}

absl::StatusOr<v1::ReturnOptions> GetReturnOptions(store::Reader& store, std::string_view seller,
                                                   std::string_view return_name, absl::Time now) {
  auto record = store.FindReturn(seller, names::Split(return_name).id);
  if (!record) return NotFound(return_name);
  const v1::Return& state = record->state();
  ChannelCache channels;
  const ChannelInfo* channel = channels.Find(store, state.channel());
  if (channel == nullptr) return NotFound(state.channel());
  std::optional<v1::Order> order;
  if (!state.order().empty()) order = store.FindOrder(seller, names::Split(state.order()).id);
  return ReturnOptionsOf(state, {channel->channel,
                                 {channel->policies, calendar::FromProto(state.requested_at())},
                                 v1::ROLE_UNSPECIFIED,
                                 now,
                                 order ? &*order : nullptr,
                                 {}});
}

absl::StatusOr<v1::Return> ApproveReturn(Command& c, const v1::ApproveReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto approved = CheckApprove(editor.state(), Seen(c, editor), request);
    if (!approved.ok()) return approved.status();
    v1::Event fact = editor.NewFact();
    ExplainDecision(editor, "APPROVED",
                    Cat("The goods may come back to ", approved->return_address_id(), "."), &fact)
        .Rule("return_by_days", editor.policy());
    *fact.mutable_return_approved() = *std::move(approved);
    editor.Add(std::move(fact));
    QueueDecision(c, editor);
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> ApproveReturnless(Command& c,
                                             const v1::ApproveReturnlessRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto approved = CheckApproveReturnless(editor.state(), Seen(c, editor), request);
    if (!approved.ok()) return approved.status();
    v1::Event fact = editor.NewFact();
    ExplainDecision(editor, "APPROVED_RETURNLESS",
                    approved->override_reason().empty()
                        ? "The policy lets the buyer keep goods of this value."
                        : "A manager lets the buyer keep the goods against the policy.",
                    &fact)
        .Rule("returnless", editor.policy())
        .Input("brand_registered", editor.channel().channel.brand_registered() ? "true" : "false")
        .Input("override_reason", approved->override_reason());
    *fact.mutable_return_approved() = *std::move(approved);
    editor.Add(std::move(fact));
    QueueDecision(c, editor);
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> RejectReturn(Command& c, const v1::RejectReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto rejected = CheckReject(editor.state(), c.actor.role(), request);
    if (!rejected.ok()) return rejected.status();
    v1::Event fact = editor.NewFact();
    ExplainDecision(editor, "REJECTED",
                    editor.state().validity().in_policy()
                        ? "Rejected although the request is inside the policy."
                        : "The request is outside the policy.",
                    &fact)
        .Rule("return_window", editor.policy())
        .Input("reason_code", rejected->reason_code())
        .Input("override_reason", request.override_reason());
    *fact.mutable_return_rejected() = *std::move(rejected);
    editor.Add(std::move(fact));
    QueueDecision(c, editor);
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> RequestInfo(Command& c, const v1::RequestInfoRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = CheckRequestInfo(editor.state(), request.text()); !s.ok()) return s;
    v1::Event fact = editor.NewFact();
    fact.mutable_return_info_requested()->set_text(request.text());
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> RecordBuyerReminder(Command& c,
                                               const v1::RecordBuyerReminderRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = TextLimit("note", request.note(), 500); !s.ok()) return s;
    if (absl::Status s = CheckRemindBuyer(editor.state()); !s.ok()) return s;
    v1::Event fact = editor.NewFact();
    fact.mutable_buyer_reminded()->set_note(request.note());
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::BatchApproveReturnsResponse> BatchApproveReturns(
    Command& c, const v1::BatchApproveReturnsRequest& request) {
  return OnEach<v1::BatchApproveReturnsResponse>(c, request, &ApproveReturn);
}

absl::StatusOr<v1::BatchCloseReturnsResponse> BatchCloseReturns(
    Command& c, const v1::BatchCloseReturnsRequest& request) {
  return OnEach<v1::BatchCloseReturnsResponse>(c, request, &CloseReturn);
}

absl::StatusOr<v1::Return> CancelReturn(Command& c, const v1::CancelReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = TextLimit("reason", request.reason(), 500); !s.ok()) return s;
    if (absl::Status s = CheckCancel(editor.state()); !s.ok()) return s;
    if (absl::Status s = CheckNoRefundOnItsWay(c, editor.state()); !s.ok()) return s;
    v1::Event fact = editor.NewFact();
    fact.mutable_return_cancelled()->set_reason(request.reason());
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::Status CheckNoRefundOnItsWay(Command& c, const v1::Return& state) {
  // Money that is on its way does not come back because the goods stay.
  for (const v1::Refund& refund : RefundsOf(c, state)) {
    if (!HoldsMoney(refund.status()) || IsPaid(refund.status()) ||
        refund.status() == v1::Refund::STATUS_PENDING_APPROVAL) {
      continue;
    }
    return Refuse(absl::StatusCode::kFailedPrecondition, "REFUND_PENDING",
                  Cat("refund ", refund.name(), " of the return is ", StatusName(refund.status()),
                      "; cancel it, or wait until it is settled"))
        .With("refund", refund.name());
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Return> ReopenReturn(Command& c, const v1::ReopenReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = TextLimit("reason", request.reason(), 500); !s.ok()) return s;
    if (absl::Status s = CheckReopen(editor.state(), Seen(c, editor), request.reason()); !s.ok()) {
      return s;
    }
    v1::Event fact = editor.NewFact();
    fact.mutable_return_reopened()->set_reason(request.reason());
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> IssueReturnLabel(Command& c,
                                            const v1::IssueReturnLabelRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto label = CheckIssueLabel(editor.state(), request, editor.channel().channel.currency_code(),
                                 c.actor.role());
    if (!label.ok()) return label.status();
    const std::string effect_id = c.NewId("eff_");
    label->set_label_id(effect_id);
    if (label->state() == v1::ReturnLabel::STATE_REQUESTED) {
      const std::string& plugin_id = editor.channel().channel.label_plugin();
      const plugins::PluginHandle* plugin = c.services.plugins.Find(plugin_id);
      if (plugin == nullptr ||
          plugin->CapabilityOf("IssueLabel") == v1::Plugin::CAPABILITY_UNSUPPORTED) {
        return Refuse(absl::StatusCode::kFailedPrecondition, "NO_LABEL_PLUGIN",
                      "the channel has no carrier plugin that makes labels; send the number of a "
                      "label that you have, or bind a label plugin")
            .Field("tracking_number", "the number on the label");
      }
      store::Effect effect;
      effect.seller = c.seller;
      effect.effect_id = effect_id;
      effect.plugin = plugin_id;
      effect.method = "IssueLabel";
      effect.subject = editor.state().name();
      effect.due_at = absl::ToUnixMicros(c.now);
      c.store.PutEffect(&effect);
    } else {
      *label->mutable_issued_at() = calendar::ToProto(c.now);
    }
    v1::Event fact = editor.NewFact();
    *fact.mutable_return_label_recorded()->mutable_label() = *std::move(label);
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> VoidReturnLabel(Command& c, const v1::VoidReturnLabelRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto label = CheckVoidLabel(editor.state(), request.reason());
    if (!label.ok()) return label.status();
    v1::Event fact = editor.NewFact();
    Explain(&fact, "LABEL_VOIDED", request.reason());
    *fact.mutable_return_label_recorded()->mutable_label() = *std::move(label);
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> RecordReceipt(Command& c, const v1::RecordReceiptRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    auto receipt = CheckReceipt(editor.state(), request.receipt(), c.now);
    if (!receipt.ok()) return receipt.status();
    if (receipt->receipt_id().empty()) receipt->set_receipt_id(c.NewId("rcp_"));
    if (!receipt->has_received_at()) *receipt->mutable_received_at() = calendar::ToProto(c.now);
    v1::Event fact = editor.NewFact();
    *fact.mutable_occurred_at() = receipt->received_at();
    fact.set_external_id(Cat("receipt:", receipt->receipt_id()));
    *fact.mutable_units_received()->mutable_receipt() = *std::move(receipt);
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> CloseShort(Command& c, const v1::CloseShortRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = TextLimit("reason", request.reason(), 500); !s.ok()) return s;
    if (absl::Status s = CheckCloseShort(editor.state(), request.reason()); !s.ok()) return s;
    v1::Event fact = editor.NewFact();
    fact.mutable_return_closed_short()->set_reason(request.reason());
    Explain(&fact, "CLOSED_SHORT", "What has not come is not waited for any more.")
        .Input("status", StatusName(editor.state().status()));
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> InspectReturn(Command& c, const v1::InspectReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (request.inspections_size() < 1 || request.inspections_size() > 100) {
      return InvalidField("inspections", "BAD_BATCH", "send 1 to 100 inspections");
    }
    for (int i = 0; i < request.inspections_size(); ++i) {
      // Each is checked against the return as the ones before have left it.
      auto inspection = CheckInspection(editor.state(), request.inspections(i), c.now,
                                        Cat("inspections[", i, "]"));
      if (!inspection.ok()) return inspection.status();
      if (FindInspection(editor.state(), inspection->inspection_id()) != nullptr) {
        if (inspection->evidence().empty()) continue;
        v1::Event photos = editor.NewFact();
        photos.set_external_id(Cat("inspection:", inspection->inspection_id(), ":",
                                   absl::Hex(Fingerprint(inspection->SerializeAsString()))));
        *photos.mutable_units_inspected()->mutable_inspection() = *std::move(inspection);
        editor.Add(std::move(photos));
        continue;
      }
      if (inspection->inspection_id().empty()) inspection->set_inspection_id(c.NewId("ins_"));
      if (!inspection->has_inspected_at()) {
        *inspection->mutable_inspected_at() = calendar::ToProto(c.now);
      }
      v1::Event fact = editor.NewFact();
      *fact.mutable_occurred_at() = inspection->inspected_at();
      fact.set_external_id(Cat("inspection:", inspection->inspection_id()));
      *fact.mutable_units_inspected()->mutable_inspection() = *std::move(inspection);
      editor.Add(std::move(fact));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Return> CloseReturn(Command& c, const v1::CloseReturnRequest& request) {
  return OnReturn(c, request, [&](ReturnEditor& editor) -> absl::Status {
    if (absl::Status s = TextLimit("reason", request.reason(), 500); !s.ok()) return s;
    if (absl::Status s =
            CheckClose(editor.state(), RefundsOf(c, editor.state()), c.actor.role(), request);
        !s.ok()) {
      return s;
    }
    if (request.without_refund() && editor.state().status() != v1::Return::STATUS_RESOLVED) {
      v1::Event settled = editor.NewFact();
      settled.mutable_return_settled_without_refund()->set_reason(request.reason());
      editor.Add(std::move(settled));
    }
    v1::Event fact = editor.NewFact();
    fact.mutable_return_closed()->set_reason(request.reason());
    editor.Add(std::move(fact));
    return absl::OkStatus();
  });
}

absl::StatusOr<Change> StoreReportedReturn(Command& c, const ChannelInfo& channel,
                                           const v1::Return& reported, v1::Return::Status status,
                                           const google::protobuf::Timestamp* delivered_at) {
  std::optional<store::ReturnRecord> known =
      c.store.FindReturnByExternalId(c.seller, channel.id, reported.external_id());
  const bool created = !known;
  std::optional<ReturnEditor> editor;
  if (known) {
    auto opened = ReturnEditor::Edit(c, std::move(*known));
    if (!opened.ok()) return opened.status();
    editor = *std::move(opened);
  } else {
    editor = ReturnEditor::Create(c, channel, reported.order_external_id());
  }
  v1::Event fact = editor->NewFact();
  v1::ReturnReported* body = fact.mutable_return_reported();
  *body->mutable_snapshot() = reported;
  body->set_status(status);
  if (delivered_at != nullptr) *body->mutable_delivered_at() = *delivered_at;
  // The same row in a later file says nothing new: its content is its identity.
  fact.set_external_id(Cat("row:", absl::Hex(Fingerprint(body->SerializeAsString()))));
  // A first sight happened at the request; a later one is known to hold only since it was seen.
  if (created) *fact.mutable_occurred_at() = reported.requested_at();
  const int64_t shown_before = editor->state().platform_refunded().minor_units();
  if (editor->Add(std::move(fact)) == ReturnEditor::Outcome::kDuplicate) return Change::kUnchanged;
  editor->Save();
  if (absl::Status s = FollowPlatformRefund(c, v1::Return(editor->state()), shown_before);
      !s.ok()) {
    return s;
  }
  return created ? Change::kCreated : Change::kUpdated;
}

std::string PremiseOf(const v1::Decision& decision) {
  return Cat(v1::Decision::Verdict_Name(decision.verdict()), "@",
             calendar::ToMicros(decision.decided_at()));
}

absl::Status RunClockOnReturn(Command& c, std::string_view id) {
  auto record = c.store.FindReturn(c.seller, id);
  if (!record) return absl::OkStatus();
  auto editor = ReturnEditor::Edit(c, std::move(*record));
  if (!editor.ok()) return editor.status();
  const std::optional<ClockWork> work = NextForClock(editor->state());
  if (!work || !work->HasCome(c.now)) return absl::OkStatus();
  v1::Event fact = editor->NewFact();
  // It happened when it was due, also if the host was down then.
  *fact.mutable_occurred_at() = calendar::ToProto(work->at);
  if (work->alert) {
    v1::DeadlineAlerted* alerted = fact.mutable_deadline_alerted();
    alerted->set_kind(work->deadline->kind());
    alerted->set_alert(PlannedAlert(editor->policy(), *work->deadline));
    *alerted->mutable_due_at() = work->deadline->due_at();
    const bool missed = alerted->alert() == v1::Deadline::ALERT_BREACHED;
    editor->Add(std::move(fact));
    if (missed) ApproveMissed(c, *editor);
    editor->Save();
    return absl::OkStatus();
  }
  switch (work->deadline->kind()) {
    case v1::Deadline::KIND_AUTO_CLOSE:
      fact.mutable_return_closed()->set_reason("resolved and not touched since");
      break;
    case v1::Deadline::KIND_PARCEL_SCAN:
      fact.mutable_return_parcel_lost();
      break;
    case v1::Deadline::KIND_LABEL_EXPIRY:
      for (const v1::ReturnLabel& label : editor->state().labels()) {
        if (label.state() != v1::ReturnLabel::STATE_ISSUED) continue;
        *fact.mutable_return_label_recorded()->mutable_label() = label;
        fact.mutable_return_label_recorded()->mutable_label()->set_state(
            v1::ReturnLabel::STATE_EXPIRED);
      }
      break;
    default:
      fact.mutable_return_expired();
  }
  editor->Add(std::move(fact));
  editor->Save();
  return absl::OkStatus();
}

}  // namespace aftersales::engine
