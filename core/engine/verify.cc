// Whether what is stored follows from the facts: folds them all again.
#include <algorithm>

#include "absl/numeric/int128.h"
#include "core/domain/calendar.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/invariants.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_fold.h"
#include "core/engine/commands.h"

namespace aftersales::engine {
namespace {

constexpr int kPage = 500;
constexpr int kNamed = 100;

class Verifier {
 public:
  Verifier(store::Reader& reader, std::string_view seller, v1::VerifyAuditResponse* response)
      : reader_(reader), seller_(seller), response_(*response) {}

  void Run() {
    Each([this](std::string_view after) { return reader_.ListReturns(seller_, {}, after, kPage); },
         [this](const v1::Return& listed) { return OfReturn(listed.name()); });
    Each([this](std::string_view after) { return reader_.ListRefunds(seller_, {}, after, kPage); },
         [this](const v1::Refund& listed) { return OfRefund(listed.name()); });
    Each(
        [this](std::string_view after) { return reader_.ListExchanges(seller_, {}, after, kPage); },
        [this](const v1::Exchange& listed) { return OfExchange(listed.name()); });
    OfPayouts();
  }

 private:
  template <typename List, typename Check>
  void Each(List list, Check check) {
    std::string after;
    while (true) {
      const auto page = list(after);
      for (const auto& resource : page) {
        response_.set_states_checked(response_.states_checked() + 1);
        if (!check(resource).empty() && response_.states_differing_size() < kNamed) {
          response_.add_states_differing(resource.name());
        }
      }
      if (page.size() < kPage) return;
      after = std::string(names::Split(page.back().name()).id);
    }
  }

  template <typename Sequences>
  std::vector<v1::Event> Facts(const Sequences& sequences) {
    return reader_.EventsBySequence(seller_,
                                    {sequences.data(), static_cast<size_t>(sequences.size())});
  }

  std::string OfReturn(std::string_view name) {
    const auto record = reader_.FindReturn(seller_, names::Split(name).id);
    if (!record) return {};
    const v1::Return& state = record->state();
    const ChannelInfo* channel = channels_.Find(reader_, state.channel());
    if (channel == nullptr) return "its channel is gone";
    std::optional<v1::Order> order;
    if (!state.order().empty()) {
      order = reader_.FindOrder(seller_, names::Split(state.order()).id);
    }
    const std::vector<v1::Event> facts = Facts(record->facts());
    std::vector<const v1::Event*> pointers;
    for (const v1::Event& fact : facts) pointers.push_back(&fact);
    const FoldContext context{channel->channel,
                              channel->policies.At(calendar::FromProto(state.requested_at())),
                              order ? &*order : nullptr};
    return DifferenceFromFacts(state, FoldReturn(name, std::move(pointers), context));
  }

  std::string OfRefund(std::string_view name) {
    const auto record = reader_.FindRefund(seller_, names::Split(name).id);
    if (!record) return {};
    v1::Refund folded;
    folded.set_name(std::string(name));
    for (const v1::Event& fact : Facts(record->facts())) ApplyRefundFact(fact, &folded);
    std::string differs = DifferenceFromFacts(record->state(), folded);
    if (differs.empty()) differs = BeyondCaptured(record->state());
    return differs;
  }

  static bool SaysSo(const google::protobuf::RepeatedPtrField<v1::Finding>& findings) {
    return std::any_of(findings.begin(), findings.end(), [](const v1::Finding& finding) {
      return finding.kind() == v1::Finding::KIND_OVER_REFUNDED ||
             finding.kind() == v1::Finding::KIND_AMOUNT_MISMATCH ||
             finding.kind() == v1::Finding::KIND_EXCHANGED_AND_REFUNDED;
    });
  }

  // Refunds that hold more than their order captured: what facts of others made so, a finding says.
  // Looked at once an order, with the last of its refunds.
  std::string BeyondCaptured(const v1::Refund& last) {
    const auto order = reader_.FindOrder(seller_, names::Split(last.order()).id);
    if (!order || !order->has_captured_total()) return {};
    const std::vector<v1::Refund> refunds =
        reader_.RefundsOfOrder(seller_, names::Split(last.order()).id);
    if (refunds.empty() || refunds.back().name() != last.name()) return {};
    absl::int128 held = 0;
    for (const v1::Refund& refund : refunds) held += HeldUnits(refund);
    if (held <= order->captured_total().minor_units()) return {};
    for (const v1::Refund& refund : refunds) {
      if (SaysSo(refund.findings())) return {};
    }
    for (const store::ReturnRecord& record :
         reader_.ReturnsOfOrder(seller_, names::Split(order->channel()).id, order->external_id())) {
      if (SaysSo(record.state().findings())) return {};
    }
    std::string beyond =
        Cat("the refunds of ", order->name(), " go beyond the ",
            FormatMoney(order->captured_total()), " that it captured, and no finding says so");
    if (response_.message().empty()) response_.set_message(beyond);
    return beyond;
  }

  std::string OfExchange(std::string_view name) {
    const auto record = reader_.FindExchange(seller_, names::Split(name).id);
    if (!record) return {};
    const ChannelInfo* channel = channels_.Find(reader_, record->state().channel());
    if (channel == nullptr) return "its channel is gone";
    v1::Exchange folded;
    folded.set_name(std::string(name));
    for (const v1::Event& fact : Facts(record->facts())) {
      ApplyExchangeFact(fact, channel->policies.At(calendar::FromProto(fact.occurred_at())),
                        &folded);
    }
    return DifferenceFromFacts(record->state(), folded);
  }

  // What a settlement pays out is what its lines add up to.
  void OfPayouts() {
    std::optional<std::pair<int64_t, std::string>> after;
    while (true) {
      const std::vector<v1::Payout> page = reader_.ListPayouts(seller_, after, kPage);
      for (const v1::Payout& payout : page) {
        response_.set_states_checked(response_.states_checked() + 1);
        if (!Balances(payout) && response_.states_differing_size() < kNamed) {
          response_.add_states_differing(payout.name());
        }
      }
      if (page.size() < kPage) return;
      after.emplace(DayOf(page.back().latest_on()),
                    std::string(names::Split(page.back().name()).id));
    }
  }

  bool Balances(const v1::Payout& payout) {
    store::BankLineFilter lines;
    lines.settlement = payout.settlement();
    lines.source = v1::BankLine::SOURCE_SETTLEMENT;
    absl::int128 sum = 0;
    int64_t count = 0;
    std::optional<std::pair<int64_t, std::string>> after;
    while (true) {
      const std::vector<v1::BankLine> page = reader_.ListBankLines(seller_, lines, after, kPage);
      for (const v1::BankLine& line : page) {
        if (line.amount().currency_code() != payout.expected().currency_code()) continue;
        sum += line.amount().minor_units();
        ++count;
      }
      if (page.size() < kPage) break;
      after.emplace(DayOf(page.back().booked_on()),
                    std::string(names::Split(page.back().name()).id));
    }
    return sum == payout.expected().minor_units() && count == payout.line_count();
  }

  static int64_t DayOf(std::string_view date) {
    const auto day = calendar::ParseDate(date);
    return day.ok() ? calendar::DayNumber(*day) : 0;
  }

  store::Reader& reader_;
  std::string seller_;
  v1::VerifyAuditResponse& response_;
  ChannelCache channels_;
};

}  // namespace

void VerifyStates(store::Reader& reader, std::string_view seller,
                  v1::VerifyAuditResponse* response) {
  Verifier(reader, seller, response).Run();
}

}  // namespace aftersales::engine
