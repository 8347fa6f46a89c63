#include "core/engine/statement_import.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/domain/calendar.h"
#include "core/domain/card_number.h"
#include "core/domain/money.h"
#include "core/domain/reconcile.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/engine/import_progress.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

constexpr size_t kLinesAtOnce = 500;  // lines in one transaction
constexpr int kLineProblemsKept = 1000;
constexpr int64_t kRowsMax = 1'000'000;
constexpr size_t kIdDigits = 20;  // of a hash: 80 bits, short enough for a table

std::string Sha256(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return absl::BytesToHexString(hash);
}

// Names and account numbers are few enough to be tried out, so the hash takes a key.
std::string KeyedHash(const std::string& key, std::string_view text) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash, &length);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash), static_cast<size_t>(length)));
}

// Without the digits of what looks like a card's number, but for the last four.
std::string Masked(std::string text) {
  if (!HoldsCardNumber(text)) return text;
  int kept = 0;
  for (auto it = text.rbegin(); it != text.rend(); ++it) {
    if (*it >= '0' && *it <= '9' && ++kept > 4) *it = 'x';
  }
  return text;
}

absl::Status CheckHeader(const v1::ImportStatementHeader& header) {
  if (header.file_name().size() > 255) {
    return InvalidField("header.file_name", "TOO_LONG", "at most 255 bytes");
  }
  if (!header.currency_code().empty() && !money::IsCurrencyCode(header.currency_code())) {
    return InvalidField("header.currency_code", "BAD_CURRENCY", "an ISO 4217 code, such as USD");
  }
  if (!header.decimal_mark().empty() && header.decimal_mark() != "." &&
      header.decimal_mark() != ",") {
    return InvalidField("header.decimal_mark", "UNKNOWN_VALUE", "give `.` or `,`, or leave it out");
  }
  if (header.settlement().size() > 200) {
    return InvalidField("header.settlement", "TOO_LONG", "at most 200 bytes");
  }
  return absl::OkStatus();
}

// One more line of a settlement in its payout.
void AddToPayout(Command& c, const v1::BankLine& line) {
  const std::string id =
      Cat("pay_",
          Sha256(Cat(line.settlement(), "\n", line.amount().currency_code())).substr(0, kIdDigits));
  auto payout = c.store.FindPayout(c.seller, id);
  const bool created = !payout;
  if (created) {
    payout.emplace();
    payout->set_name(names::Make(c.seller, "payouts", id));
    payout->set_settlement(line.settlement());
    *payout->mutable_expected() = money::Make(0, line.amount().currency_code());
    *payout->mutable_create_time() = calendar::ToProto(c.now);
  }
  payout->mutable_expected()->set_minor_units(money::RoundHalfAway(
      absl::int128(payout->expected().minor_units()) + line.amount().minor_units(), 1));
  payout->set_line_count(payout->line_count() + 1);
  if (payout->latest_on() < line.booked_on()) payout->set_latest_on(line.booked_on());
  payout->set_etag(NextEtag(payout->etag()));
  *payout->mutable_update_time() = calendar::ToProto(c.now);
  c.store.PutPayout(*payout, created);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StatementImport>> StatementImport::Begin(
    Engine& engine, v1::Actor actor, v1::BankLine::Source source,
    const v1::ImportStatementHeader& header) {
  auto seller = names::ParseSeller(header.parent(), "header.parent");
  if (!seller.ok()) return seller.status();
  if (absl::Status s = CheckHeader(header); !s.ok()) return s;
  bool known = false;
  engine.store().ReadHere(
      [&](store::Reader& reader) { known = reader.FindSeller(*seller).has_value(); });
  if (!known) return NotFound(header.parent());
  return std::unique_ptr<StatementImport>(
      new StatementImport(engine, std::move(actor), std::string(*seller), source, header));
}

StatementImport::StatementImport(Engine& engine, v1::Actor actor, std::string seller,
                                 v1::BankLine::Source source,
                                 const v1::ImportStatementHeader& header)
    : engine_(engine),
      actor_(std::move(actor)),
      seller_(std::move(seller)),
      source_(source),
      header_(header),
      reader_(source, header) {}

absl::Status StatementImport::Feed(std::string_view bytes) {
  if (absl::Status s = reader_.Feed(bytes); !s.ok()) return s;
  return Take(false);
}

absl::StatusOr<v1::ImportStatementResponse> StatementImport::Finish() {
  if (absl::Status s = reader_.Finish(); !s.ok()) return s;
  if (absl::Status s = Take(true); !s.ok()) return s;
  response_.set_row_count(reader_.row_count());
  for (const auto& [currency, sum] : sums_) {
    *response_.add_sums() = money::Make(sum, currency);
  }
  std::stable_sort(response_.mutable_problems()->begin(), response_.mutable_problems()->end(),
                   [](const auto& a, const auto& b) { return a.line() < b.line(); });
  return std::move(response_);
}

absl::Status StatementImport::Ended(const absl::Status& refusal) const {
  ImportProgress progress;
  progress.rows_read = reader_.row_count();
  if (!header_.validate_only()) {
    progress.stored["lines"] = response_.created_count() + response_.unchanged_count();
  }
  return WithProgress(refusal, progress);
}

void StatementImport::AddProblem(v1::ImportProblem problem) {
  response_.set_problem_count(response_.problem_count() + 1);
  if (problem.skipped()) response_.set_skipped_count(response_.skipped_count() + 1);
  if (response_.problems_size() < kLineProblemsKept) *response_.add_problems() = std::move(problem);
}

absl::Status StatementImport::Take(bool final) {
  if (reader_.row_count() > kRowsMax) {
    return Refuse(absl::StatusCode::kInvalidArgument, "TOO_LONG",
                  Cat("the file has more than ", kRowsMax, " rows; split it"));
  }
  for (v1::ImportProblem& problem : reader_.TakeProblems()) AddProblem(std::move(problem));
  const absl::Time latest = engine_.Now() + absl::Hours(24 * 31);
  const std::string latest_on = calendar::DateText(calendar::LocalDay(latest, absl::UTCTimeZone()));
  for (StatementRow& row : reader_.TakeRows()) {
    const auto skip = [&](const char* column, const char* reason, std::string message) {
      v1::ImportProblem problem;
      problem.set_line(row.line_number);
      problem.set_column(column);
      problem.set_reason(reason);
      problem.set_message(std::move(message));
      problem.set_skipped(true);
      AddProblem(std::move(problem));
    };
    if (row.line.booked_on() > latest_on) {
      skip("date", "IN_THE_FUTURE",
           Cat(row.line.booked_on(), " is more than a month ahead of the host"));
      continue;
    }
    // Before it is stored: what the sum cannot hold is not part of a statement.
    int64_t& sum = sums_[row.line.amount().currency_code()];
    int64_t with_it = 0;
    if (__builtin_add_overflow(sum, row.line.amount().minor_units(), &with_it)) {
      skip("amount", "AMOUNT_OVERFLOW",
           "with it the rows of the statement add up to more than an amount can be");
      continue;
    }
    sum = with_it;
    waiting_.push_back(std::move(row));
    if (waiting_.size() < kLinesAtOnce) continue;
    if (absl::Status s = Store(std::exchange(waiting_, {})); !s.ok()) return s;
  }
  if (!final || waiting_.empty()) return absl::OkStatus();
  return Store(std::exchange(waiting_, {}));
}

v1::BankLine StatementImport::LineOf(StatementRow row) {
  v1::BankLine line = std::move(row.line);
  if (!row.counterparty.empty()) {
    line.set_counterparty_hash(KeyedHash(engine_.store().Secret(), row.counterparty));
  }
  const std::string said =
      Cat(source_, "\n", line.booked_on(), "\n", line.amount().minor_units(), "\n",
          line.amount().currency_code(), "\n", line.settlement(), "\n", line.order_external_id(),
          "\n", line.description(), "\n", line.counterparty_hash(), "\n", line.reference());
  const int times = ++seen_[Sha256(said).substr(0, kIdDigits)];
  line.set_name(names::Make(seller_, "bankLines",
                            Cat("bnk_", Sha256(Cat(times, "\n", said)).substr(0, kIdDigits))));
  line.set_reference(Masked(line.reference()));
  line.set_description(Masked(line.description()));
  line.set_state(v1::BankLine::STATE_UNMATCHED);
  return line;
}

absl::Status StatementImport::Store(std::vector<StatementRow> rows) {
  std::vector<v1::BankLine> lines;
  for (StatementRow& row : rows) lines.push_back(LineOf(std::move(row)));
  int64_t created = 0;
  const bool keep = !header_.validate_only();
  const absl::Status status =
      engine_.RunInternalAndWait(seller_, actor_, "import", [&](Command& c) -> absl::Status {
        created = 0;
        for (v1::BankLine& line : lines) {
          if (c.store.FindBankLine(seller_, names::Split(line.name()).id)) continue;
          ++created;
          line.set_etag(NextEtag(""));
          *line.mutable_create_time() = calendar::ToProto(c.now);
          *line.mutable_update_time() = line.create_time();
          c.store.PutBankLine(line, /*created=*/true);
          if (line.source() == v1::BankLine::SOURCE_SETTLEMENT) AddToPayout(c, line);
        }
        if (created > 0) {
          v1::Event event = c.NewEvent(names::Seller(seller_), "");
          v1::StatementImported* body = event.mutable_statement_imported();
          body->set_kind(v1::BankLine::Source_Name(source_).substr(sizeof("SOURCE_") - 1));
          body->set_file_name(header_.file_name());
          body->set_created_count(created);
          c.store.AppendEvent(seller_, &event);
        }
        // Undone, it stored nothing.
        return keep ? absl::OkStatus() : absl::CancelledError("only tried");
      });
  if (!status.ok() && (keep || status.code() != absl::StatusCode::kCancelled)) return status;
  response_.set_created_count(response_.created_count() + created);
  response_.set_unchanged_count(response_.unchanged_count() + static_cast<int64_t>(lines.size()) -
                                created);
  return absl::OkStatus();
}

}  // namespace aftersales::engine
