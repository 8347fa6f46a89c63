// Adds facts to one return and keeps everything that is derived from it in step.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/domain/return_fold.h"
#include "core/domain/return_items.h"
#include "core/engine/command.h"

namespace aftersales::engine {

class ReturnEditor {
 public:
  // A return that is there. NOT_FOUND.
  static absl::StatusOr<ReturnEditor> Open(Command& command, std::string_view name);
  // The same, from a record that was read already.
  static absl::StatusOr<ReturnEditor> Edit(Command& command, store::ReturnRecord record);
  // A new one in a channel; its first fact must be a request or a report. The order is looked up
  // unless the caller has it.
  static ReturnEditor Create(Command& command, const ChannelInfo& channel,
                             std::string_view order_external_id,
                             std::optional<v1::Order> order = std::nullopt);

  enum class Outcome { kRecorded, kDuplicate };
  // Records a fact: fills in subject, channel, status_after. A fact that the return has already is
  // dropped. One that happened before others that are known makes the return fold anew.
  Outcome Add(v1::Event fact);
  // Folds all facts again, for when the order they refer to has come to be known.
  void Refold();
  // Stores the return, if anything changed, and its part in the metrics.
  const v1::Return& Save();

  const v1::Return& state() const { return record_.state(); }
  const ChannelInfo& channel() const { return *channel_; }
  // The rules as they were when the buyer asked: what is decided later does not change them.
  PolicyInForce rules() const { return {channel_->policies, asked_at()}; }
  const v1::Policy& policy() const { return channel_->policies.At(asked_at()); }
  const v1::Order* order() const { return order_ ? &*order_ : nullptr; }
  // All returns of the order, this one among them once it is stored. Read when first asked for.
  const std::vector<v1::Return>& returns_of_order();
  // An event about this return, by the caller, now.
  v1::Event NewFact() const { return command_->NewEvent(state().name(), state().channel()); }
  // Name of the last event that was recorded.
  const std::string& last_event() const { return last_event_; }

 private:
  ReturnEditor(Command& command, const ChannelInfo& channel)
      : command_(&command), channel_(&channel) {}
  void FindOrder();
  void FoldAll(const v1::Event* extra);
  void CheckFold();
  absl::Time asked_at() const;
  FoldContext Context(bool with_returns);
  void AskForVoids();

  Command* command_;
  const ChannelInfo* channel_;
  std::optional<v1::Order> order_;
  std::optional<std::vector<v1::Return>> returns_of_order_;
  store::ReturnRecord record_;
  std::vector<metrics::Contribution> before_;
  std::set<std::string> voiding_;  // labels that the carrier was asked to void before
  std::string order_external_id_;
  std::string last_event_;
  bool created_ = false;
  bool changed_ = false;
};

}  // namespace aftersales::engine
