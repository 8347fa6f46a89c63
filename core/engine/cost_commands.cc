// What returns cost: explained entry by entry, and what people and invoices add.
#include <algorithm>
#include <initializer_list>

#include "core/domain/calendar.h"
#include "core/domain/costs.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_options.h"
#include "core/engine/commands.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

constexpr size_t kMaxNote = 500;

// Facts of a return, folded again with the inputs of its formulas.
v1::Return WithInputs(store::Reader& store, std::string_view seller,
                      const store::ReturnRecord& record, const ChannelInfo& channel,
                      const v1::Order* order) {
  const std::vector<v1::Event> facts = store.EventsBySequence(
      seller, {record.facts().data(), static_cast<size_t>(record.facts_size())});
  std::vector<const v1::Event*> pointers;
  for (const v1::Event& fact : facts) pointers.push_back(&fact);
  const v1::Policy& policy =
      channel.policies.At(calendar::FromProto(record.state().requested_at()));
  FoldContext context{channel.channel, policy, order};
  context.with_inputs = true;
  return FoldReturn(record.state().name(), std::move(pointers), context);
}

// What the marketplace gives back of its referral fee: on what a refund gives back of the prices,
// line by line as the order has its rates.
std::optional<int64_t> ReferralCredit(const v1::Order& order, const v1::Refund& refund) {
  if (refund.breakdown().empty()) return std::nullopt;
  const std::vector<int64_t> prices = PricesGivenBack(order, refund);
  std::optional<int64_t> credit;
  for (int i = 0; i < order.lines_size(); ++i) {
    const int64_t referral_bp = order.lines(i).referral_bp();
    if (referral_bp == 0) continue;
    credit = credit.value_or(0) + ReferralFee(prices[static_cast<size_t>(i)], referral_bp);
  }
  return credit;
}

// The same of a return: what the fees that it books were taken from. `state` is folded with inputs.
std::optional<int64_t> ReferralCredit(const v1::Return& state, std::span<const v1::Refund> paid) {
  std::optional<int64_t> credit;
  for (const v1::LedgerEntry& entry : state.ledger()) {
    const bool stands = entry.refund().empty() ||
                        std::any_of(paid.begin(), paid.end(), [&](const v1::Refund& refund) {
                          return refund.name() == entry.refund();
                        });
    if (!stands || !entry.formula().starts_with("refund_admin_fee@")) continue;
    for (const v1::LedgerEntry::Input& input : entry.inputs()) {
      if (input.name() == "referral") credit = credit.value_or(0) + input.value();
    }
  }
  return credit;
}

int64_t AddLines(const google::protobuf::RepeatedPtrField<v1::LedgerEntry>& ledger,
                 v1::CostExplanation* explanation) {
  int64_t cost = 0;
  for (const v1::LedgerEntry& entry : ledger) {
    if (entry.amount().minor_units() == 0) continue;
    cost -= entry.amount().minor_units();
    v1::CostExplanation::Line* line = explanation->add_lines();
    *line->mutable_entry() = entry;
    line->set_formula_text(std::string(FormulaText(entry.formula())));
  }
  return cost;
}

// `paid` are the refunds that it is about.
void AddSums(int64_t cost, std::span<const v1::Refund> paid, std::optional<int64_t> credit,
             const std::string& currency, v1::CostExplanation* explanation) {
  int64_t refunded = 0;
  for (const v1::Refund& refund : paid) {
    refunded += (refund.has_paid_amount() ? refund.paid_amount() : refund.total()).minor_units();
  }
  *explanation->mutable_cost_excluding_refund() = money::Make(cost, currency);
  *explanation->mutable_refunded() = money::Make(refunded, currency);
  if (credit) *explanation->mutable_referral_credit() = money::Make(*credit, currency);
  *explanation->mutable_total() = money::Make(cost + refunded - credit.value_or(0), currency);
}

absl::StatusOr<v1::CostExplanation> ExplainRefundCosts(store::Reader& store,
                                                       std::string_view seller,
                                                       std::string_view refund_name) {
  const auto record = store.FindRefund(seller, names::Split(refund_name).id);
  if (!record) return NotFound(refund_name);
  const v1::Refund& refund = record->state();
  const auto order = store.FindOrder(seller, names::Split(refund.order()).id);
  std::vector<v1::Refund> paid;
  std::optional<int64_t> credit;
  if (IsPaid(refund.status())) {
    paid.push_back(refund);
    if (order) credit = ReferralCredit(*order, refund);
  }
  v1::CostExplanation explanation;
  const int64_t cost = AddLines(refund.ledger(), &explanation);
  AddSums(cost, paid, credit, refund.total().currency_code(), &explanation);
  return explanation;
}

}  // namespace

absl::StatusOr<v1::CostExplanation> ExplainCosts(store::Reader& store, std::string_view seller,
                                                 std::string_view return_name, absl::Time now) {
  if (names::Split(return_name).collection == "refunds") {
    return ExplainRefundCosts(store, seller, return_name);
  }
  const auto record = store.FindReturn(seller, names::Split(return_name).id);
  if (!record) return NotFound(return_name);
  ChannelCache channels;
  const ChannelInfo* channel = channels.Find(store, record->state().channel());
  if (channel == nullptr) return NotFound(record->state().channel());
  std::optional<v1::Order> order;
  std::vector<v1::Refund> paid;
  if (!record->state().order().empty()) {
    const std::string_view order_id = names::Split(record->state().order()).id;
    order = store.FindOrder(seller, order_id);
    paid = store.RefundsOfOrder(seller, order_id);
    std::erase_if(paid, [&](const v1::Refund& refund) {
      return refund.return_name() != record->state().name() || !IsPaid(refund.status());
    });
  }
  const v1::Return state = WithInputs(store, seller, *record, *channel, order ? &*order : nullptr);
  const std::string& currency = channel->channel.currency_code();

  v1::CostExplanation explanation;
  const int64_t cost = AddLines(state.ledger(), &explanation);
  AddSums(cost, paid, ReferralCredit(state, paid), currency, &explanation);
  if (state.return_method() == v1::RETURN_METHOD_NONE) {
    const v1::ReturnOptions::Returnless kept =
        ReturnlessOption(state, {channel->channel,
                                 {channel->policies, calendar::FromProto(state.requested_at())},
                                 v1::ROLE_UNSPECIFIED,
                                 now,
                                 order ? &*order : nullptr,
                                 {}});
    if (kept.has_reverse_cost()) *explanation.mutable_saved_reverse_cost() = kept.reverse_cost();
  }
  return explanation;
}

namespace {

// What a role that does one part of the work may know the price of.
absl::Status CheckMayBook(v1::Role role, v1::LedgerEntry::Kind kind) {
  using Entry = v1::LedgerEntry;
  const auto one_of = [kind](std::initializer_list<Entry::Kind> kinds) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  const bool own =
      role == v1::ROLE_WAREHOUSE ? one_of({Entry::KIND_PROCESSING, Entry::KIND_WRITE_OFF})
      : role == v1::ROLE_CARRIER ? one_of({Entry::KIND_RETURN_LABEL, Entry::KIND_OUTBOUND,
                                           Entry::KIND_CUSTOMS, Entry::KIND_REIMBURSEMENT})
                                 : true;
  if (own) return absl::OkStatus();
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                "that cost is not of your work; have a person or the ERP record it")
      .Field("kind", role == v1::ROLE_WAREHOUSE
                         ? "PROCESSING or WRITE_OFF"
                         : "RETURN_LABEL, OUTBOUND, CUSTOMS or REIMBURSEMENT");
}

}  // namespace

absl::StatusOr<v1::Return> RecordCost(Command& c, const v1::RecordCostRequest& request) {
  auto editor = ReturnEditor::Open(c, request.name());
  if (!editor.ok()) return editor.status();
  if (absl::Status s =
          CheckEtag(request.etag(), editor->state().etag(), StatusName(editor->state().status()));
      !s.ok()) {
    return s;
  }
  if (request.kind() == v1::LedgerEntry::KIND_UNSPECIFIED ||
      !v1::LedgerEntry::Kind_IsValid(request.kind())) {
    return InvalidField("kind", "BAD_COST", "say what the cost is for, such as KIND_CUSTOMS");
  }
  if (absl::Status s = CheckMayBook(c.actor.role(), request.kind()); !s.ok()) return s;
  const std::string& currency = editor->channel().channel.currency_code();
  if (request.amount().currency_code() != currency) {
    return InvalidField("amount.currency_code", "CURRENCY_MISMATCH",
                        Cat("the ledger of the channel is in ", currency,
                            "; convert the amount and say so in the note"));
  }
  const int64_t amount = request.amount().minor_units();
  if (amount == 0) {
    return InvalidField("amount.minor_units", "BAD_COST",
                        "below 0 for a cost, above 0 for what comes back");
  }
  if (amount > money::kMaxMinorUnits || amount < -money::kMaxMinorUnits) {
    return InvalidField("amount.minor_units", "BAD_COST",
                        Cat(FormatMoney(request.amount()), " is more than a return can cost"));
  }
  if (request.note().empty() || request.note().size() > kMaxNote) {
    return InvalidField(
        "note", "NOTE_REQUIRED",
        Cat("say what it is and where to look it up, in at most ", kMaxNote, " bytes"));
  }
  if (request.external_id().size() > names::kMaxExternalId) {
    return InvalidField("external_id", "TOO_LONG",
                        Cat("at most ", names::kMaxExternalId, " bytes"));
  }
  v1::Event fact = editor->NewFact();
  if (request.has_occurred_at()) {
    if (absl::Status s = calendar::CheckNotAhead(request.occurred_at(), c.now, "occurred_at");
        !s.ok()) {
      return s;
    }
    *fact.mutable_occurred_at() = request.occurred_at();
  }
  // Two alike are two, unless the caller says that they are one.
  fact.set_external_id(
      Cat("cost:", request.external_id().empty() ? c.NewId("cst_") : request.external_id()));
  v1::CostRecorded* body = fact.mutable_cost_recorded();
  body->set_kind(request.kind());
  *body->mutable_amount() = request.amount();
  body->set_source(request.source() == v1::LedgerEntry::SOURCE_UNSPECIFIED
                       ? v1::LedgerEntry::SOURCE_ESTIMATE
                       : request.source());
  body->set_note(request.note());
  body->set_replaces(request.replaces());
  if (editor->Add(std::move(fact)) == ReturnEditor::Outcome::kDuplicate) {
    return Refuse(absl::StatusCode::kAlreadyExists, "COST_EXISTS",
                  Cat("a cost with the id ", request.external_id(), " is booked already"))
        .Field("external_id", "an id that is not taken, or none");
  }
  return editor->Save();
}

}  // namespace aftersales::engine
