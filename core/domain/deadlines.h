// Deadlines: when something is due, and which deadline of a return comes next.
#pragma once

#include <optional>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/deadline.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// +hours as so many seconds: weekends, holidays and DST make no difference.
absl::Time ResponseDue(absl::Time requested_at, const v1::Policy& policy);
// In time at exactly `due`, late one microsecond after.
bool InTime(absl::Time met_at, absl::Time due);
// End of the n-th business (or calendar) day after the local day of `received_at`.
absl::Time RefundDue(absl::Time received_at, const v1::Channel& channel, const v1::Policy& policy);
absl::Time ReceiptDue(absl::Time delivered_at, const v1::Channel& channel,
                      const v1::Policy& policy);
// First and last local day on which an FBA reimbursement may be claimed.
struct ClaimWindow {
  absl::CivilDay opens, closes;
};
ClaimWindow FbaClaimWindow(absl::CivilDay refunded_on, const v1::Policy& policy);
// Last day of the return window, counted on the local delivery date, and the instant it closes.
struct ReturnWindow {
  absl::CivilDay delivered_on, last_day;
  absl::Time closes_at;  // first instant after the last day
};
ReturnWindow ReturnWindowOf(absl::Time delivered_at, absl::TimeZone zone, int days);

// Starts, meets or cancels a deadline of a resource; at most one of a kind is open.
using Deadlines = google::protobuf::RepeatedPtrField<v1::Deadline>;
v1::Deadline* StartDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time start,
                            absl::Time due);
void MeetDeadline(Deadlines* deadlines, v1::Deadline::Kind kind, absl::Time at);
void CancelDeadline(Deadlines* deadlines, v1::Deadline::Kind kind);
const v1::Deadline* OpenDeadline(const Deadlines& deadlines, v1::Deadline::Kind kind);
// Turns stored RUNNING into BREACHED where `now` is past due; for answers, never for storing.
void PresentDeadlines(absl::Time now, Deadlines* deadlines);

// The same for a return.
v1::Deadline* StartDeadline(v1::Return* state, v1::Deadline::Kind kind, absl::Time start,
                            absl::Time due);
void MeetDeadline(v1::Return* state, v1::Deadline::Kind kind, absl::Time at);
void CancelDeadline(v1::Return* state, v1::Deadline::Kind kind);
const v1::Deadline* OpenDeadline(const v1::Return& state, v1::Deadline::Kind kind);

// The earliest open deadline that a person has to meet: RETURN_RESPONSE, RECEIPT, REFUND,
// MANUAL_ACTION, BUYER_REMINDER. Null when nothing waits.
const v1::Deadline* NextForPerson(const v1::Return& state);

// When the clock has to do something next about a return.
struct ClockWork {
  const v1::Deadline* deadline;
  absl::Time at;  // the alert, or what is due
  bool alert;
  // An alert is given at its instant; what is due has until then, so that it is over just after.
  bool HasCome(absl::Time now) const { return alert && at < Due() ? now >= at : now > at; }
  absl::Time Due() const;
};
// The earliest alert of an open deadline, or end of one that the clock ends: RETURN_BY, AUTO_CLOSE,
// PARCEL_SCAN, LABEL_EXPIRY. An alert comes before an end of the same instant.
std::optional<ClockWork> NextForClock(const v1::Return& state);

// Has the clock call an open request while it waits, and once it is missed.
void PlanResponseAlerts(const v1::Policy& policy, v1::Deadline* response);
// Has the clock call an approved return before its time to be sent is over.
void PlanReturnByAlert(const v1::Policy& policy, absl::Time return_by, v1::Deadline* deadline);
// Notes the alert that is given now, and plans the next.
void GiveAlert(const v1::Policy& policy, v1::Deadline::Alert alert, v1::Deadline* deadline);
// Which alert the planned one is.
v1::Deadline::Alert PlannedAlert(const v1::Policy& policy, const v1::Deadline& deadline);

void PresentDeadlines(absl::Time now, v1::Return* state);

}  // namespace aftersales
