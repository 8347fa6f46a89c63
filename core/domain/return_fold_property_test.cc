// What holds of the fold of a return whatever facts come, in whatever order and however often.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/return_fold.h"
#include "core/domain/return_items.h"
#include "core/domain/test_facts.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::Facts;
using testing_util::ForAll;
using testing_util::Pointers;
using testing_util::Random;

constexpr int kCases = 100'000;
constexpr int kFacts = 12;
constexpr std::string_view kFoldedReturn = "sellers/acme/returns/ret_1";

class ReturnFoldProperty : public testing::Test {
 protected:
  v1::Return Of(const std::vector<v1::Event>& facts) const {
    return FoldReturn(kFoldedReturn, Pointers(facts), context_);
  }

  std::vector<v1::Event> AnyFacts(Random& random) {
    std::vector<v1::Event> facts(
        static_cast<size_t>(random.OneIn(20) ? random.Int(1, kFacts) : kFacts));
    for (v1::Event& fact : facts) fact = AnyFact(random);
    // Mostly there is a request, and mostly it is approved.
    if (!random.OneIn(5)) facts[0] = f_.Requested("2026-03-02T09:00:00Z", random.Int(1, 3));
    if (!random.OneIn(4) && facts.size() > 1) facts[1] = f_.Approved("2026-03-02T09:00:00Z");
    return facts;
  }

  v1::Event AnyFact(Random& random) {
    // Few instants, so that many facts fall on the same one.
    const std::string at =
        calendar::InstantText(At("2026-03-02T09:00:00Z") + absl::Hours(12) * random.Int(0, 9));
    const int units = random.Int(1, 3);
    const std::string id = std::to_string(random.Int(0, 3));
    switch (random.Int(0, 17)) {
      case 0:
        return f_.Requested(at, units);
      case 1:
        return f_.Approved(
            at, random.OneIn(4) ? v1::RETURN_METHOD_NONE : v1::RETURN_METHOD_MERCHANT_LABEL);
      case 2: {
        v1::Event event = f_.New(at);
        event.mutable_return_rejected()->set_reason_code("NO");
        return event;
      }
      case 3: {
        v1::Event event = f_.New(at);
        event.mutable_return_cancelled();
        return event;
      }
      case 4: {
        v1::Event event = f_.New(at);
        event.mutable_return_reopened();
        return event;
      }
      case 5:
      case 6: {
        v1::Event event = f_.Labelled(
            at, static_cast<v1::ReturnLabel::State>(random.Int(1, 9)), random.Between(0, 900),
            random.OneIn(2) ? v1::ReturnLabel::KIND_CARRIER : v1::ReturnLabel::KIND_MERCHANT);
        v1::ReturnLabel* label = event.mutable_return_label_recorded()->mutable_label();
        label->set_label_id("label-" + id);
        label->set_tracking_number("940" + id);
        return event;
      }
      case 7:
        return f_.Scanned(at, static_cast<v1::TrackingEvent::Milestone>(random.Int(0, 8)));
      case 8:
      case 9:
        return f_.Received(at, units, "r" + id);
      case 10:
        return f_.ClosedShort(at);
      case 11:
        return f_.Inspected(at, units, static_cast<v1::Condition>(random.Int(1, 9)), "i" + id);
      case 12:
        return f_.Refunded(at, units, 100 * units, "p" + id);
      case 13:
        return f_.Closed(at);
      case 14: {
        v1::Event event = f_.New(at, v1::ROLE_CLOCK);
        event.mutable_return_expired();
        return event;
      }
      case 15: {
        v1::Event event = f_.New(at);
        event.mutable_return_settled_without_refund()->set_reason("EMPTY_BOX");
        return event;
      }
      case 16: {
        v1::Event event = f_.New(at);
        if (random.OneIn(2)) {
          event.mutable_manual_action_changed()->mutable_action()->set_title("Authorise it");
        } else {
          event.mutable_manual_action_changed()->set_confirmed(true);
        }
        return event;
      }
      default: {
        v1::Event event = f_.Reported(at, f_.Asked("2026-03-02T09:00:00Z", units),
                                      static_cast<v1::Return::Status>(random.Int(0, 13)));
        if (random.OneIn(3)) {
          *event.mutable_return_reported()->mutable_delivered_at() = event.occurred_at();
        }
        return event;
      }
    }
  }

  v1::Event Reversed(const std::string& at, int units) {
    v1::Event event = f_.New(at);
    *event.mutable_return_refund_reversed()->mutable_amount() = money::Make(100 * units, "USD");
    v1::RefundItem* item = event.mutable_return_refund_reversed()->add_items();
    item->set_line_id("L1");
    item->set_quantity(units);
    return event;
  }

  // The same facts in another order, some of them again, recorded at another time and by another
  // way.
  struct Shuffled {
    Shuffled(Random& random, const std::vector<v1::Event>& facts) : pointers(Pointers(facts)) {
      again.resize(static_cast<size_t>(random.Int(0, 4)));
      for (v1::Event& copy : again) {
        copy = random.Of(facts);
        copy.set_name("sellers/acme/events/" + std::to_string(random()));
        copy.mutable_recorded_at()->set_seconds(random.Between(0, 1000));
        copy.set_source("again");
        copy.set_status_after("CLOSED");
        pointers.push_back(&copy);
      }
      random.Shuffle(&pointers);
    }
    std::vector<v1::Event> again;
    std::vector<const v1::Event*> pointers;
  };
  v1::Return Of(const Shuffled& facts) const { return Of(facts.pointers); }
  v1::Return Of(const std::vector<const v1::Event*>& facts) const {
    return FoldReturn(kFoldedReturn, facts, context_);
  }

  static testing::AssertionResult Same(const v1::Return& a, const v1::Return& b) {
    if (a.SerializeAsString() == b.SerializeAsString()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << a.ShortDebugString() << "\nis not\n"
                                       << b.ShortDebugString() << "\n";
  }

  static std::string Said(const std::vector<const v1::Event*>& facts) {
    std::string text;
    for (const v1::Event* fact : facts) text += "{" + fact->ShortDebugString() + "}\n";
    return text;
  }
  static std::string Said(const std::vector<v1::Event>& facts) { return Said(Pointers(facts)); }

  Facts f_;
  v1::Channel channel_ = testing_util::UsChannel();
  v1::Order order_ = testing_util::UsOrder(3);
  v1::Policy policy_ = *FindPolicy("seed");
  FoldContext context_{channel_, policy_, &order_};
};

TEST_F(ReturnFoldProperty, AnyOrderAndRepetitionGivesTheSameReturn) {
  ForAll(kCases * 11 / 10, [this](Random& random) {
    const std::vector<v1::Event> facts = AnyFacts(random);
    const Shuffled shuffled(random, facts);
    ASSERT_TRUE(Same(Of(shuffled), Of(facts))) << Said(facts) << "and\n" << Said(shuffled.pointers);
  });
}

// As the engine takes them in: one that is later than all before is applied, for another one all
// are folded anew, and what is known already is dropped.
TEST_F(ReturnFoldProperty, HoweverTheyArriveTheyEndInTheFoldOfAll) {
  // Each folds about ten times.
  ForAll(kCases / 5, [this](Random& random) {
    const std::vector<v1::Event> facts = AnyFacts(random);
    const Shuffled arriving(random, facts);
    v1::Return state;
    state.set_name(std::string(kFoldedReturn));
    std::string last;
    std::set<std::string> known;
    std::vector<const v1::Event*> taken;
    for (const v1::Event* fact : arriving.pointers) {
      // One that the source corrected keeps what it said first.
      const FactPlace place = PlaceOf(*fact);
      if (!known.insert(place.identity).second) continue;
      taken.push_back(fact);
      if (taken.size() > 1 && place.key > last) {
        ApplyFact(*fact, context_, &state);
      } else {
        state = Of(taken);
      }
      last = std::max(last, place.key);
    }
    ASSERT_TRUE(Same(state, Of(taken))) << Said(arriving.pointers);
  });
}

TEST_F(ReturnFoldProperty, NoRefundIsLostOrCountedTwice) {
  ForAll(kCases, [this](Random& random) {
    std::vector<v1::Event> facts = AnyFacts(random);
    // A report may name a payment in another way; here all that is paid is said by its own fact.
    std::map<std::string, const v1::Event*> paid;  // by id: the first by time
    for (const v1::Event& fact : facts) {
      if (!fact.has_return_refunded()) continue;
      const v1::Event*& known = paid[fact.external_id()];
      if (known == nullptr || FactOrderKey(fact) < FactOrderKey(*known)) known = &fact;
    }
    int expected = 0;
    for (const auto& [id, fact] : paid) expected += fact->return_refunded().items(0).quantity();
    const v1::Return state = Of(Shuffled(random, facts));
    int refunded = 0;
    for (const v1::ReturnItem& item : state.items()) refunded += item.quantity_refunded();
    ASSERT_EQ(refunded, expected) << Said(facts);
    // One that came back counts no more.
    if (expected == 0) return;
    const int back = random.Int(1, expected);
    facts.push_back(Reversed("2026-04-30T00:00:00Z", back));
    const v1::Return reversed = Of(Shuffled(random, facts));
    refunded = 0;
    for (const v1::ReturnItem& item : reversed.items()) refunded += item.quantity_refunded();
    ASSERT_EQ(refunded, expected - back) << Said(facts);
  });
}

TEST_F(ReturnFoldProperty, LabelsCostWhatThoseCostThatAreChargedFor) {
  ForAll(kCases, [this](Random& random) {
    const std::vector<v1::Event> facts = AnyFacts(random);
    const v1::Return state = Of(facts);
    int64_t booked = 0;
    for (const v1::LedgerEntry& entry : state.ledger()) {
      if (entry.kind() == v1::LedgerEntry::KIND_RETURN_LABEL)
        booked += entry.amount().minor_units();
    }
    int64_t charged = 0;
    for (const v1::ReturnLabel& label : state.labels()) {
      switch (label.state()) {
        case v1::ReturnLabel::STATE_ISSUED:
        case v1::ReturnLabel::STATE_USED:
        case v1::ReturnLabel::STATE_DELIVERED:
        case v1::ReturnLabel::STATE_VOIDING:
        case v1::ReturnLabel::STATE_EXPIRED:
          charged += label.cost().minor_units();
          break;
        default:
          break;
      }
    }
    ASSERT_EQ(booked, -charged) << state.ShortDebugString() << "\n" << Said(facts);
  });
}

TEST_F(ReturnFoldProperty, FactsInOrderMayBeAppliedOneByOne) {
  ForAll(kCases / 2, [this](Random& random) {
    std::vector<v1::Event> facts = AnyFacts(random);
    std::sort(facts.begin(), facts.end(), [](const v1::Event& a, const v1::Event& b) {
      return FactOrderKey(a) < FactOrderKey(b);
    });
    v1::Return state;
    state.set_name(std::string(kFoldedReturn));
    std::set<std::string> seen;
    for (const v1::Event& fact : facts) {
      if (seen.insert(FactIdentity(fact)).second) ApplyFact(fact, context_, &state);
    }
    ASSERT_TRUE(Same(state, Of(facts))) << Said(facts);
  });
}

TEST_F(ReturnFoldProperty, MovesOnlyAsPublished) {
  std::set<std::pair<v1::Return::Status, v1::Return::Status>> published;
  for (const Transition& t : ReturnTransitions()) published.insert({t.from, t.to});
  std::set<std::pair<v1::Return::Status, v1::Return::Status>> seen;
  ForAll(kCases, [&](Random& random) {
    v1::Return state;
    ApplyFact(f_.Requested("2026-03-02T09:00:00Z", 3), context_, &state);
    for (int step = 0; step < kFacts; ++step) {
      const v1::Event fact = AnyFact(random);
      const v1::Return before = state;
      ApplyFact(fact, context_, &state);
      if (before.status() == state.status()) continue;
      // A snapshot shows the end of several moves at once, and facts that overtook a decision or a
      // receipt take effect together with it; so does a refund that went ahead, once the goods are
      // accepted or lost.
      const bool several = fact.has_return_reported() ||
                           before.status() == v1::Return::STATUS_REQUESTED ||
                           (fact.has_units_received() && before.inspections_size() > 0) ||
                           ((fact.has_units_inspected() || fact.has_return_scanned()) &&
                            before.items(0).quantity_refunded() > 0);
      if (several) continue;
      seen.insert({before.status(), state.status()});
      ASSERT_TRUE(published.contains({before.status(), state.status()}))
          << v1::Return::Status_Name(before.status()) << " -> "
          << v1::Return::Status_Name(state.status()) << " by " << fact.ShortDebugString();
    }
  });
  // A case that is run alone sees few.
  if (std::getenv("AFTERSALES_PROPERTY_CASES") == nullptr) {
    EXPECT_GT(seen.size(), 12u);
  }
}

TEST_F(ReturnFoldProperty, InvariantsHoldWhateverComes) {
  ForAll(kCases, [this](Random& random) {
    const std::vector<v1::Event> facts = AnyFacts(random);
    const v1::Return state = Of(facts);
    const auto said = [&] { return state.ShortDebugString() + "\n" + Said(facts); };
    ASSERT_NE(state.status(), v1::Return::STATUS_UNSPECIFIED) << said();
    for (const v1::ReturnItem& item : state.items()) {
      ASSERT_GE(UnitsDue(state, item), 0) << said();
      if (item.quantity_requested() > 0) {
        ASSERT_LE(item.quantity_approved(), item.quantity_requested()) << said();
      }
      ASSERT_LE(UnitsDue(state, item), item.quantity_approved()) << said();
    }
    std::set<v1::Deadline::Kind> open;
    for (const v1::Deadline& deadline : state.deadlines()) {
      if (deadline.state() != v1::Deadline::STATE_RUNNING) continue;
      ASSERT_TRUE(open.insert(deadline.kind()).second) << "two clocks of one kind: " << said();
      ASSERT_NE(state.status(), v1::Return::STATUS_CLOSED) << said();
      ASSERT_NE(state.status(), v1::Return::STATUS_CANCELLED) << said();
    }
    std::set<std::tuple<int, std::string, int64_t, int32_t>> findings;
    for (const v1::Finding& finding : state.findings()) {
      ASSERT_TRUE(findings
                      .insert({finding.kind(), finding.message(), finding.found_at().seconds(),
                               finding.found_at().nanos()})
                      .second)
          << said();
    }
    int live = 0;
    for (const v1::ReturnLabel& label : state.labels()) live += IsLive(label.state()) ? 1 : 0;
    ASSERT_LE(live, 1) << said();
  });
}

}  // namespace
}  // namespace aftersales
