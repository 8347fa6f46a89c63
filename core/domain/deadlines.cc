#include "core/domain/deadlines.h"

#include <initializer_list>

#include "core/domain/calendar.h"
#include "core/domain/policy.h"

namespace aftersales {
namespace {

bool IsOpen(const v1::Deadline& deadline) {
  return deadline.state() == v1::Deadline::STATE_RUNNING ||
         deadline.state() == v1::Deadline::STATE_BREACHED;
}

v1::Deadline* FindOpen(Deadlines* deadlines, v1::Deadline::Kind kind) {
  for (v1::Deadline& deadline : *deadlines) {
    if (deadline.kind() == kind && IsOpen(deadline)) return &deadline;
  }
  return nullptr;
}

const v1::Deadline* Earliest(const v1::Return& state,
                             std::initializer_list<v1::Deadline::Kind> kinds) {
  const v1::Deadline* earliest = nullptr;
  for (v1::Deadline::Kind kind : kinds) {
    const v1::Deadline* open = OpenDeadline(state, kind);
    if (open == nullptr) continue;
    if (earliest == nullptr ||
        calendar::FromProto(open->due_at()) < calendar::FromProto(earliest->due_at())) {
      earliest = open;
    }
  }
  return earliest;
}

// A channel's zone was checked when it was bound; UTC only stands in for a channel without one.
absl::TimeZone ZoneOf(const v1::Channel& channel) {
  return calendar::Zone(channel.time_zone()).value_or(absl::UTCTimeZone());
}

}  // namespace

absl::Time ResponseDue(absl::Time requested_at, const v1::Policy& policy) {
  return requested_at + absl::Hours(policy.return_response_hours());
}

bool InTime(absl::Time met_at, absl::Time due) { return met_at <= due; }

absl::Time RefundDue(absl::Time received_at, const v1::Channel& channel, const v1::Policy& policy) {
  const absl::TimeZone zone = ZoneOf(channel);
  const absl::CivilDay received_on = calendar::LocalDay(received_at, zone);
  if (policy.refund_after_receipt_calendar_days() > 0) {
    return calendar::EndOfDay(received_on + policy.refund_after_receipt_calendar_days(), zone);
  }
  return calendar::EndOfDay(
      calendar::AddBusinessDays(received_on, policy.refund_after_receipt_business_days(),
                                Holidays(policy, channel.country_code())),
      zone);
}

absl::Time ReceiptDue(absl::Time delivered_at, const v1::Channel& channel,
                      const v1::Policy& policy) {
  const absl::TimeZone zone = ZoneOf(channel);
  return calendar::EndOfDay(calendar::AddBusinessDays(calendar::LocalDay(delivered_at, zone),
                                                      policy.receipt_business_days(),
                                                      Holidays(policy, channel.country_code())),
                            zone);
}

ClaimWindow FbaClaimWindow(absl::CivilDay refunded_on, const v1::Policy& policy) {
  return {refunded_on + policy.fba_claim_opens_days(),
          refunded_on + policy.fba_claim_closes_days()};
}

ReturnWindow ReturnWindowOf(absl::Time delivered_at, absl::TimeZone zone, int days) {
  ReturnWindow window;
  window.delivered_on = calendar::LocalDay(delivered_at, zone);
  window.last_day = window.delivered_on + days;
  window.closes_at = calendar::StartOfDay(window.last_day + 1, zone);
  return window;
}

void StartDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time start,
                   absl::Time due) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline == nullptr) deadline = deadlines->Add();
  deadline->set_kind(kind);
  deadline->set_state(v1::Deadline::STATE_RUNNING);
  *deadline->mutable_start_at() = calendar::ToProto(start);
  *deadline->mutable_due_at() = calendar::ToProto(due);
}

void MeetDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time at) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline == nullptr) return;
  deadline->set_state(InTime(at, calendar::FromProto(deadline->due_at()))
                          ? v1::Deadline::STATE_MET
                          : v1::Deadline::STATE_MET_LATE);
  *deadline->mutable_met_at() = calendar::ToProto(at);
}

void CancelDeadline(Deadlines* deadlines, v1::Deadline::Kind kind) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline != nullptr) deadline->set_state(v1::Deadline::STATE_CANCELLED);
}

const v1::Deadline* OpenDeadline(const Deadlines& deadlines, v1::Deadline::Kind kind) {
  for (const v1::Deadline& deadline : deadlines) {
    if (deadline.kind() == kind && IsOpen(deadline)) return &deadline;
  }
  return nullptr;
}

void PresentDeadlines(absl::Time now, Deadlines* deadlines) {
  for (v1::Deadline& deadline : *deadlines) {
    if (deadline.state() == v1::Deadline::STATE_RUNNING &&
        !InTime(now, calendar::FromProto(deadline.due_at()))) {
      deadline.set_state(v1::Deadline::STATE_BREACHED);
    }
  }
}

void StartDeadline(v1::Return* state, v1::Deadline::Kind kind, absl::Time start, absl::Time due) {
  StartDeadline(state->mutable_deadlines(), kind, start, due);
}

void MeetDeadline(v1::Return* state, v1::Deadline::Kind kind, absl::Time at) {
  MeetDeadline(state->mutable_deadlines(), kind, at);
}

void CancelDeadline(v1::Return* state, v1::Deadline::Kind kind) {
  CancelDeadline(state->mutable_deadlines(), kind);
}

const v1::Deadline* OpenDeadline(const v1::Return& state, v1::Deadline::Kind kind) {
  return OpenDeadline(state.deadlines(), kind);
}

const v1::Deadline* NextForPerson(const v1::Return& state) {
  return Earliest(state, {v1::Deadline::KIND_RETURN_RESPONSE, v1::Deadline::KIND_RECEIPT,
                          v1::Deadline::KIND_REFUND, v1::Deadline::KIND_MANUAL_ACTION});
}

const v1::Deadline* NextForClock(const v1::Return& state) {
  return Earliest(state, {v1::Deadline::KIND_RETURN_BY, v1::Deadline::KIND_AUTO_CLOSE});
}

void PresentDeadlines(absl::Time now, v1::Return* state) {
  PresentDeadlines(now, state->mutable_deadlines());
}

}  // namespace aftersales
