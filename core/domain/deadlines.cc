#include "core/domain/deadlines.h"

#include <algorithm>
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

v1::Deadline* StartDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time start,
                            absl::Time due) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline == nullptr) deadline = deadlines->Add();
  deadline->set_kind(kind);
  deadline->set_state(v1::Deadline::STATE_RUNNING);
  *deadline->mutable_start_at() = calendar::ToProto(start);
  *deadline->mutable_due_at() = calendar::ToProto(due);
  deadline->clear_alert();
  deadline->clear_alert_at();
  return deadline;
}

void MeetDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time at) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline == nullptr) return;
  deadline->set_state(InTime(at, calendar::FromProto(deadline->due_at()))
                          ? v1::Deadline::STATE_MET
                          : v1::Deadline::STATE_MET_LATE);
  *deadline->mutable_met_at() = calendar::ToProto(at);
  deadline->clear_alert_at();
}

void CancelDeadline(Deadlines* deadlines, v1::Deadline::Kind kind) {
  v1::Deadline* deadline = FindOpen(deadlines, kind);
  if (deadline == nullptr) return;
  deadline->set_state(v1::Deadline::STATE_CANCELLED);
  deadline->clear_alert_at();
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

v1::Deadline* StartDeadline(v1::Return* state, v1::Deadline::Kind kind, absl::Time start,
                            absl::Time due) {
  return StartDeadline(state->mutable_deadlines(), kind, start, due);
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
                          v1::Deadline::KIND_REFUND, v1::Deadline::KIND_MANUAL_ACTION,
                          v1::Deadline::KIND_BUYER_REMINDER});
}

absl::Time ClockWork::Due() const { return calendar::FromProto(deadline->due_at()); }

std::optional<ClockWork> NextForClock(const v1::Return& state) {
  std::optional<ClockWork> next;
  const auto consider = [&next](const v1::Deadline& deadline, absl::Time at, bool alert) {
    if (next && (next->at < at || (next->at == at && (next->alert || !alert)))) return;
    next = ClockWork{&deadline, at, alert};
  };
  for (const v1::Deadline& deadline : state.deadlines()) {
    if (!IsOpen(deadline)) continue;
    if (deadline.has_alert_at()) consider(deadline, calendar::FromProto(deadline.alert_at()), true);
    switch (deadline.kind()) {
      case v1::Deadline::KIND_RETURN_BY:
      case v1::Deadline::KIND_AUTO_CLOSE:
      case v1::Deadline::KIND_PARCEL_SCAN:
      case v1::Deadline::KIND_LABEL_EXPIRY:
        consider(deadline, calendar::FromProto(deadline.due_at()), false);
        break;
      default:
        break;
    }
  }
  return next;
}

void PlanResponseAlerts(const v1::Policy& policy, v1::Deadline* response) {
  GiveAlert(policy, v1::Deadline::ALERT_UNSPECIFIED, response);
}

void PlanReturnByAlert(const v1::Policy& policy, absl::Time return_by, v1::Deadline* deadline) {
  if (policy.return_by_reminder_days() < 1) return;
  const absl::Time at = return_by - absl::Hours(24) * policy.return_by_reminder_days();
  if (at > calendar::FromProto(deadline->start_at())) {
    *deadline->mutable_alert_at() = calendar::ToProto(at);
  }
}

void GiveAlert(const v1::Policy& policy, v1::Deadline::Alert alert, v1::Deadline* deadline) {
  const google::protobuf::Timestamp given = deadline->alert_at();
  const bool planned = deadline->has_alert_at();
  deadline->set_alert(std::max(alert, deadline->alert()));
  deadline->clear_alert_at();
  if (deadline->kind() != v1::Deadline::KIND_RETURN_RESPONSE ||
      alert == v1::Deadline::ALERT_BREACHED) {
    return;
  }
  const absl::Time start = calendar::FromProto(deadline->start_at());
  const absl::Time due = calendar::FromProto(deadline->due_at());
  for (const int32_t hours : policy.return_response_alert_hours()) {
    const absl::Time at = start + absl::Hours(hours);
    if (at >= due || (planned && at <= calendar::FromProto(given))) continue;
    *deadline->mutable_alert_at() = calendar::ToProto(at);
    return;
  }
  *deadline->mutable_alert_at() = deadline->due_at();
}

v1::Deadline::Alert PlannedAlert(const v1::Policy& policy, const v1::Deadline& deadline) {
  const absl::Time at = calendar::FromProto(deadline.alert_at());
  if (at >= calendar::FromProto(deadline.due_at())) return v1::Deadline::ALERT_BREACHED;
  const auto& hours = policy.return_response_alert_hours();
  const bool last =
      deadline.kind() == v1::Deadline::KIND_RETURN_RESPONSE && hours.size() > 1 &&
      at >= calendar::FromProto(deadline.start_at()) + absl::Hours(hours.Get(hours.size() - 1));
  return last ? v1::Deadline::ALERT_URGENT : v1::Deadline::ALERT_NEAR;
}

void PresentDeadlines(absl::Time now, v1::Return* state) {
  PresentDeadlines(now, state->mutable_deadlines());
}

}  // namespace aftersales
