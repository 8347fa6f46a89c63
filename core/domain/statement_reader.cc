#include "core/domain/statement_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/domain/calendar.h"
#include "core/domain/card_number.h"
#include "core/domain/money.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kRecordMax = 64 * 1024;
constexpr int kRowsBeforeHeaderMax = 30;
constexpr size_t kReferenceMax = 200;
// Minor units. Thousands of rows of it are still a sum.
constexpr int64_t kAmountMax = 1'000'000'000'000'000;

// Files that hold the rows and are no text.
struct FileMark {
  std::string_view bytes;
  std::string_view message;
};
constexpr FileMark kFileMarks[] = {
    {"PK\x03\x04", "the file is an Excel workbook or another zip file; save the sheet as CSV"},
    {"\xD0\xCF\x11\xE0", "the file is an Excel workbook; save the sheet as CSV"},
    {"%PDF", "the file is a PDF; download the statement as CSV"},
    {"\x1F\x8B", "the file is packed with gzip; unpack it"},
    {"\xFF\xFE", "the file is UTF-16; save it as UTF-8"},
    {"\xFE\xFF", "the file is UTF-16; save it as UTF-8"},
};
constexpr size_t kMarkMax = 4;
constexpr size_t kValueShown = 40;
constexpr std::array kSeparators = {',', ';', '\t'};

// What columns are called, best first. Compared without case, spaces and punctuation.
struct Name {
  std::string_view column, name;
};
constexpr std::array kNames = {
    Name{"date", "bookingdate"},
    Name{"date", "bookedon"},
    Name{"date", "postingdate"},
    Name{"date", "posteddate"},
    Name{"date", "transactiondate"},
    Name{"date", "date"},
    Name{"date", "day"},
    Name{"date", "buchungstag"},
    Name{"date", "buchungsdatum"},
    Name{"date", "datum"},
    Name{"date", "fecha"},
    Name{"date", "data"},
    Name{"date", "dateoperation"},
    Name{"date", "记账日期"},
    Name{"date", "交易日期"},
    Name{"date", "日期"},
    Name{"date", "取引日"},
    Name{"date", "日付"},
    Name{"date", "valuedate"},
    Name{"date", "valuta"},
    Name{"date", "wertstellung"},
    Name{"amount", "amount"},
    Name{"amount", "transactionamount"},
    Name{"amount", "betrag"},
    Name{"amount", "umsatz"},
    Name{"amount", "montant"},
    Name{"amount", "importe"},
    Name{"amount", "importo"},
    Name{"amount", "金额"},
    Name{"amount", "交易金额"},
    Name{"amount", "金額"},
    Name{"amount", "total"},
    Name{"debit", "debit"},
    Name{"debit", "debitamount"},
    Name{"debit", "soll"},
    Name{"debit", "withdrawal"},
    Name{"debit", "withdrawals"},
    Name{"debit", "moneyout"},
    Name{"debit", "paidout"},
    Name{"debit", "支出"},
    Name{"debit", "借方金额"},
    Name{"debit", "出金額"},
    Name{"credit", "credit"},
    Name{"credit", "creditamount"},
    Name{"credit", "haben"},
    Name{"credit", "deposit"},
    Name{"credit", "deposits"},
    Name{"credit", "moneyin"},
    Name{"credit", "paidin"},
    Name{"credit", "收入"},
    Name{"credit", "贷方金额"},
    Name{"credit", "入金額"},
    Name{"currency", "currency"},
    Name{"currency", "currencycode"},
    Name{"currency", "waehrung"},
    Name{"currency", "währung"},
    Name{"currency", "devise"},
    Name{"currency", "divisa"},
    Name{"currency", "币种"},
    Name{"currency", "货币"},
    Name{"currency", "通貨"},
    Name{"reference", "reference"},
    Name{"reference", "paymentreference"},
    Name{"reference", "transactionreference"},
    Name{"reference", "endtoendid"},
    Name{"reference", "endtoendreference"},
    Name{"reference", "kundenreferenz"},
    Name{"reference", "referenz"},
    Name{"reference", "refundid"},
    Name{"reference", "adjustmentid"},
    Name{"reference", "transactionid"},
    Name{"reference", "ref"},
    Name{"reference", "verwendungszweck"},
    Name{"reference", "流水号"},
    Name{"reference", "交易流水号"},
    Name{"reference", "参考号"},
    Name{"reference", "摘要"},
    Name{"counterparty", "counterparty"},
    Name{"counterparty", "counterpartyname"},
    Name{"counterparty", "payee"},
    Name{"counterparty", "payer"},
    Name{"counterparty", "beneficiary"},
    Name{"counterparty", "name"},
    Name{"counterparty", "iban"},
    Name{"counterparty", "auftraggeber"},
    Name{"counterparty", "empfänger"},
    Name{"counterparty", "对方户名"},
    Name{"counterparty", "对方账号"},
    Name{"counterparty", "相手先"},
    Name{"settlement", "settlement"},
    Name{"settlement", "settlementid"},
    Name{"settlement", "payoutid"},
    Name{"settlement", "depositid"},
    Name{"order", "order"},
    Name{"order", "orderid"},
    Name{"order", "amazonorderid"},
    Name{"order", "订单号"},
    Name{"description", "description"},
    Name{"description", "amountdescription"},
    Name{"description", "amounttype"},
    Name{"description", "transactiontype"},
    Name{"description", "type"},
    Name{"description", "buchungstext"},
    Name{"description", "类型"},
};

std::string Normalized(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || absl::ascii_isalnum(byte)) out += absl::ascii_tolower(byte);
  }
  // Capital umlauts, as far as the names above have them.
  for (size_t at = 0; (at = out.find("\xC3\x84", at)) != std::string::npos;) out[at + 1] = '\xA4';
  return out;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
  while (true) {
    const std::string_view before = text;
    text = View(absl::StripAsciiWhitespace(View(text)));
    if (text.substr(0, 2) == kNoBreakSpace) text.remove_prefix(2);
    if (text.size() >= 2 && text.substr(text.size() - 2) == kNoBreakSpace) text.remove_suffix(2);
    if (text == before) return text;
  }
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += length;
  }
  return true;
}

// A value for a message: short, and text.
std::string Shown(std::string_view value) {
  if (!IsUtf8(value)) return "(no UTF-8)";
  if (value.size() <= kValueShown) return Cat("`", value, "`");
  size_t end = kValueShown;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return Cat("`", value.substr(0, end), "…`");
}

absl::Status Bad(std::string_view reason, std::string_view text, std::string_view what) {
  return Refuse(absl::StatusCode::kInvalidArgument, reason, Cat(Shown(text), " ", what));
}

// Where a record ends, and how many bytes its line end has. Nothing while that is not known.
struct RecordEnd {
  size_t length;
  size_t line_end;
};
std::optional<RecordEnd> EndOfRecord(std::string_view data, char separator, bool quotes,
                                     bool final) {
  bool quoted = false;
  bool field_start = true;
  for (size_t i = 0; i < data.size(); ++i) {
    const char c = data[i];
    if (quoted) {
      if (c != '"') continue;
      if (i + 1 == data.size() && !final) return std::nullopt;
      if (i + 1 < data.size() && data[i + 1] == '"') {
        ++i;
      } else {
        quoted = false;
      }
      continue;
    }
    if (c == '"' && field_start && quotes) {
      quoted = true;
      field_start = false;
      continue;
    }
    if (c == '\n') return RecordEnd{i, 1};
    if (c == '\r') {
      if (i + 1 == data.size() && !final) return std::nullopt;
      return RecordEnd{i, i + 1 < data.size() && data[i + 1] == '\n' ? size_t{2} : size_t{1}};
    }
    field_start = separator == 0
                      ? std::find(kSeparators.begin(), kSeparators.end(), c) != kSeparators.end()
                      : c == separator;
    // Spaces before a quote are none of the value.
    if (c == ' ' && i > 0 && data[i - 1] == separator) field_start = true;
  }
  if (final && !quoted) return RecordEnd{data.size(), 0};
  return std::nullopt;
}

std::vector<std::string> FieldsOf(std::string_view record, char separator) {
  std::vector<std::string> fields;
  size_t i = 0;
  while (true) {
    std::string field;
    size_t start = i;
    while (start < record.size() && record[start] == ' ') ++start;
    if (start < record.size() && record[start] == '"') {
      i = start + 1;
      while (i < record.size()) {
        if (record[i] == '"') {
          if (i + 1 < record.size() && record[i + 1] == '"') {
            ++i;
          } else {
            ++i;
            break;
          }
        }
        field += record[i++];
      }
    }
    while (i < record.size() && record[i] != separator) field += record[i++];
    fields.emplace_back(Trimmed(field));
    if (i >= record.size()) return fields;
    ++i;
  }
}

// Digits without marks before decimals, a point before them.
absl::StatusOr<std::string> PlainDecimal(std::string_view text, std::string_view currency,
                                         std::string_view decimal_mark) {
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  char decimal = 0;
  if (!decimal_mark.empty()) {
    decimal = decimal_mark[0];
  } else if (count('.') > 0 && count(',') > 0) {
    decimal = text.rfind('.') > text.rfind(',') ? '.' : ',';
  } else if (count('.') + count(',') == 1) {
    const size_t mark = text.find_first_of(".,");
    if (text.size() - mark - 1 != 3) {
      decimal = text[mark];
    } else if (money::Exponent(currency) != 0) {
      return Bad("AMBIGUOUS_AMOUNT", text,
                 "could be thousands or decimals; say which in the header's decimal_mark");
    }
  }
  if (decimal != 0 && count(decimal) > 1) {
    return Bad("BAD_AMOUNT", text, "has more than one decimal mark");
  }
  const char group = decimal == ',' ? '.' : decimal == '.' ? ',' : count('.') > 0 ? '.' : ',';
  const size_t whole_end = decimal == 0 ? text.size() : std::min(text.find(decimal), text.size());
  std::string plain;
  size_t digits = 0;
  bool grouped = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      plain += c;
      if (i < whole_end) ++digits;
    } else if (i == whole_end) {
      plain += '.';
    } else if (c == group && i < whole_end && digits > 0 && (!grouped || digits == 3) &&
               digits <= 3) {
      grouped = true;
      digits = 0;
    } else {
      return Bad("BAD_AMOUNT", text, "is not an amount; such as -21.56 or 1,481.35");
    }
  }
  if (grouped && digits != 3) {
    return Bad("BAD_AMOUNT", text, "is not an amount; thousands stand in groups of three");
  }
  return plain;
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  if (text.empty() || text.size() > 4 ||
      !std::all_of(text.begin(), text.end(),
                   [](unsigned char c) { return absl::ascii_isdigit(c); }) ||
      !absl::SimpleAtoi(View(text), &value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

absl::StatusOr<int64_t> ParseStatementAmount(std::string_view text, std::string_view currency_code,
                                             std::string_view decimal_mark) {
  // Spaces and apostrophes group digits too.
  std::string compact;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' || text[i] == '\'') continue;
    if (text.substr(i, 2) == "\xC2\xA0") {
      i += 1;
    } else if (text.substr(i, 3) == "\xE2\x80\xAF" || text.substr(i, 3) == "\xE2\x80\x99") {
      i += 2;
    } else if (text.substr(i, 3) == "\xE2\x88\x92") {  // the minus sign
      compact += '-';
      i += 2;
    } else {
      compact += text[i];
    }
  }
  std::string_view rest = compact;
  bool negative = false;
  if (rest.size() > 2 && rest.front() == '(' && rest.back() == ')') {
    negative = true;
    rest = rest.substr(1, rest.size() - 2);
  } else if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  } else if (!rest.empty() && (rest.back() == '-' || rest.back() == '+')) {
    negative = rest.back() == '-';
    rest.remove_suffix(1);
  }
  if (rest.empty()) return Bad("BAD_AMOUNT", text, "is not an amount");
  auto plain = PlainDecimal(rest, currency_code, decimal_mark);
  if (!plain.ok()) return plain.status();
  auto units = money::ParseMinorUnits(*plain, currency_code);
  if (!units.ok()) return units.status();
  return negative ? -*units : *units;
}

absl::StatusOr<std::string> ParseStatementDay(std::string_view text,
                                              v1::ImportStatementHeader::DateOrder order) {
  const auto day_of = [&](int year, int month, int day) -> absl::StatusOr<std::string> {
    const std::string date = absl::StrFormat("%04d-%02d-%02d", year, month, day);
    const bool exists = year >= 2000 && year < 2100 && calendar::ParseDate(date).ok();
    if (!exists) return Bad("BAD_DATE", text, "is no day; such as 2026-03-12");
    return date;
  };
  // A time of day says nothing here.
  const std::string_view date = text.substr(0, text.find_first_of(" T"));
  if (date.size() == 8 && date.find_first_not_of("0123456789") == std::string_view::npos) {
    return day_of(*Number(date.substr(0, 4)), *Number(date.substr(4, 2)),
                  *Number(date.substr(6, 2)));
  }
  const size_t first = date.find_first_of("-/.");
  const size_t second = first == std::string_view::npos ? first : date.find(date[first], first + 1);
  if (second == std::string_view::npos) {
    return Bad("BAD_DATE", text, "is no date; such as 2026-03-12");
  }
  const std::string_view parts[] = {
      date.substr(0, first), date.substr(first + 1, second - first - 1), date.substr(second + 1)};
  const auto a = Number(parts[0]), b = Number(parts[1]), c = Number(parts[2]);
  if (!a || !b || !c) return Bad("BAD_DATE", text, "is no date; such as 2026-03-12");
  if (parts[0].size() == 4) return day_of(*a, *b, *c);
  if (parts[2].size() != 4 && parts[2].size() != 2) {
    return Bad("BAD_DATE", text, "is no date; such as 2026-03-12");
  }
  const int year = parts[2].size() == 2 ? 2000 + *c : *c;
  if (order == v1::ImportStatementHeader::DATE_ORDER_DMY || date[first] == '.') {
    return day_of(year, *b, *a);
  }
  if (order == v1::ImportStatementHeader::DATE_ORDER_MDY) return day_of(year, *a, *b);
  if (*a > 12 || *a == *b) return day_of(year, *b, *a);
  if (*b > 12) return day_of(year, *a, *b);
  return Bad("AMBIGUOUS_DATE", text,
             "could be day or month first; say which in the header's date_order");
}

StatementReader::StatementReader(v1::BankLine::Source source,
                                 const v1::ImportStatementHeader& header)
    : source_(source), header_(header) {}

absl::Status StatementReader::Feed(std::string_view bytes) {
  pending_ += bytes;
  return Drain(false);
}

absl::Status StatementReader::Finish() {
  if (absl::Status s = Drain(true); !s.ok()) return s;
  if (separator_ != 0) return absl::OkStatus();
  if (rows_before_header_ == 0 && row_count_ == 0) {
    return InvalidField("chunk", "EMPTY_REPORT", "the file has no rows");
  }
  return InvalidField("chunk", "WRONG_REPORT",
                      "no row names the columns of a statement: a date and an amount (or debit and "
                      "credit) at least");
}

absl::Status StatementReader::Drain(bool final) {
  if (!began_) {
    if (pending_.size() < kMarkMax && !final) return absl::OkStatus();
    for (const FileMark& mark : kFileMarks) {
      if (absl::StartsWith(pending_, View(mark.bytes))) {
        return InvalidField("chunk", "WRONG_REPORT", mark.message);
      }
    }
    if (std::string_view(pending_).substr(0, kByteOrderMark.size()) == kByteOrderMark) {
      pending_.erase(0, kByteOrderMark.size());
    }
    began_ = true;
  }
  size_t used = 0;
  while (used < pending_.size()) {
    const std::string_view rest = std::string_view(pending_).substr(used);
    std::optional<RecordEnd> end = EndOfRecord(rest, separator_, /*quotes=*/!cut_, final);
    bool unclosed =
        (!end && (final || rest.size() > kRecordMax)) || (end && end->length > kRecordMax);
    if (unclosed) end = EndOfRecord(rest, separator_, /*quotes=*/false, final);
    const bool cut = !end;
    if (cut) {
      if (rest.size() <= 16 * kRecordMax) break;
      end = RecordEnd{rest.size(), 0};
    }
    // A line that is too long all by itself.
    if (cut || end->length > kRecordMax) unclosed = false;
    const std::string_view record = rest.substr(0, end->length);
    line_number_ = next_line_;
    for (size_t i = 0; i < end->length + end->line_end; ++i) {
      if (rest[i] == '\n' || (rest[i] == '\r' && (i + 1 == rest.size() || rest[i + 1] != '\n'))) {
        ++next_line_;
      }
    }
    used += end->length + end->line_end;
    // The rest of a line that was told of.
    if (std::exchange(cut_, cut)) continue;
    if (unclosed || record.size() > kRecordMax) {
      ++row_count_;
      Problem("", unclosed ? "UNCLOSED_QUOTE" : "TOO_LONG",
              unclosed ? "a quotation mark is opened and never closed"
                       : "the row is longer than 64 KiB");
      continue;
    }
    if (absl::Status s = Row(record); !s.ok()) return s;
  }
  pending_.erase(0, used);
  return absl::OkStatus();
}

absl::Status StatementReader::Row(std::string_view record) {
  if (record.find_first_not_of(" ,;\t\"") == std::string_view::npos) return absl::OkStatus();
  if (separator_ == 0) {
    const auto found = FindHeader(record);
    if (!found.ok()) return found.status();
    if (*found) return absl::OkStatus();
    if (++rows_before_header_ < kRowsBeforeHeaderMax) return absl::OkStatus();
    return InvalidField("chunk", "WRONG_REPORT",
                        "none of the first rows names the columns of a statement: a date and an "
                        "amount (or debit and credit) at least");
  }
  ++row_count_;
  Read(FieldsOf(record, separator_));
  return absl::OkStatus();
}

absl::StatusOr<bool> StatementReader::FindHeader(std::string_view record) {
  for (const char separator : kSeparators) {
    const std::vector<std::string> fields = FieldsOf(record, separator);
    std::vector<std::string> names;
    for (const std::string& field : fields) names.push_back(Normalized(field));
    std::map<std::string_view, Column> columns;
    std::string two_amounts;
    for (const Name& known : kNames) {
      const auto found = std::find(names.begin(), names.end(), known.name);
      if (found == names.end()) continue;
      const auto index = static_cast<size_t>(found - names.begin());
      const auto [first, added] = columns.try_emplace(known.column, Column{index, fields[index]});
      // Of two dates the first is meant; two amounts differ by something, and that is money.
      const bool amount =
          known.column == "amount" || known.column == "debit" || known.column == "credit";
      if (!added && amount && two_amounts.empty()) {
        two_amounts = Cat("both ", Shown(first->second.name), " and ", Shown(fields[index]),
                          " may be the ", known.column, "; rename the one that does not count");
      }
    }
    const bool amount =
        columns.contains("amount") || (columns.contains("debit") && columns.contains("credit"));
    if (!columns.contains("date") || !amount) continue;
    if (!two_amounts.empty()) return InvalidField("chunk", "AMBIGUOUS_COLUMN", two_amounts);
    for (const auto& [column, found] : columns) {
      if (std::count(names.begin(), names.end(), names[found.index]) == 1) continue;
      return InvalidField("chunk", "AMBIGUOUS_COLUMN",
                          Cat("two columns are called ", Shown(found.name),
                              "; rename the one that does not count"));
    }
    if (!IsUtf8(record)) {
      return InvalidField("chunk", "BAD_TEXT", "the header is not UTF-8; save the file as UTF-8");
    }
    columns_ = std::move(columns);
    separator_ = separator;
    return true;
  }
  return false;
}

void StatementReader::Problem(std::string_view column, std::string_view reason,
                              std::string_view message) {
  v1::ImportProblem& problem = problems_.emplace_back();
  problem.set_line(line_number_);
  problem.set_column(IsUtf8(column) ? std::string(column) : std::string());
  problem.set_reason(std::string(reason));
  problem.set_message(std::string(message));
  problem.set_skipped(true);
}

void StatementReader::Read(const std::vector<std::string>& fields) {
  const auto name = [&](std::string_view column) {
    const auto found = columns_.find(column);
    return found == columns_.end() ? std::string(column) : found->second.name;
  };
  const auto value = [&](std::string_view column) -> std::string {
    const auto found = columns_.find(column);
    if (found == columns_.end() || found->second.index >= fields.size()) return "";
    return fields[found->second.index];
  };
  const auto bad = [&](std::string_view column, const absl::Status& status) {
    Problem(name(column), ReasonOf(status), View(status.message()));
  };
  const auto missing = [&](std::string_view column, std::string_view what) {
    Problem(name(column), "MISSING_VALUE", what);
  };

  StatementRow row;
  row.line_number = line_number_;
  row.line.set_source(source_);
  const std::string date = value("date");
  if (date.empty()) return missing("date", "the row has no date");
  auto day = ParseStatementDay(date, header_.date_order());
  if (!day.ok()) return bad("date", day.status());
  row.line.set_booked_on(*day);

  std::string currency = absl::AsciiStrToUpper(value("currency"));
  if (currency.empty()) currency = header_.currency_code();
  if (currency.empty()) {
    return missing("currency", "the row has no currency; give the file's in the header");
  }
  if (!money::IsCurrencyCode(currency)) {
    return Problem(name("currency"), "BAD_CURRENCY",
                   Cat(Shown(currency), " is no currency code; such as USD"));
  }
  const auto read = [&](std::string_view column) {
    return ParseStatementAmount(value(column), currency, header_.decimal_mark());
  };
  int64_t amount = 0;
  if (columns_.contains("amount")) {
    if (value("amount").empty()) return missing("amount", "the row has no amount");
    auto units = read("amount");
    if (!units.ok()) return bad("amount", units.status());
    amount = *units;
  } else {
    bool any = false;
    for (const std::string_view column : {"credit", "debit"}) {
      if (value(column).empty()) continue;
      auto units = read(column);
      if (!units.ok()) return bad(column, units.status());
      if (*units == 0) continue;
      if (any) {
        return Problem(name(column), "BAD_AMOUNT", "the row has both a debit and a credit");
      }
      any = true;
      // Some write what went out with a minus as well.
      amount = column == "credit" ? *units : *units > 0 ? -*units : *units;
    }
    if (!any) return missing("credit", "the row has neither a debit nor a credit");
  }
  if (amount == 0) return Problem(name("amount"), "ZERO_AMOUNT", "nothing moved");
  if (amount > kAmountMax || amount < -kAmountMax) {
    return Problem(
        name("amount"), "BAD_AMOUNT",
        Cat(money::Format(money::Make(amount, currency)), " is more than a statement can show"));
  }
  *row.line.mutable_amount() = money::Make(amount, currency);

  struct Text {
    std::string_view column;
    void (v1::BankLine::*set)(std::string&&);
  };
  const Text texts[] = {
      {"reference", &v1::BankLine::set_reference},
      {"settlement", &v1::BankLine::set_settlement},
      {"order", &v1::BankLine::set_order_external_id},
      {"description", &v1::BankLine::set_description},
  };
  for (const Text& text : texts) {
    if (text.column != "reference" && source_ != v1::BankLine::SOURCE_SETTLEMENT) continue;
    std::string content = value(text.column);
    if (!IsUtf8(content)) {
      return Problem(name(text.column), "BAD_TEXT", "is not UTF-8; save the file as UTF-8");
    }
    if (content.find('\0') != std::string::npos) {
      return Problem(name(text.column), "BAD_TEXT", "holds a zero byte; save the file as text");
    }
    if (content.size() > kReferenceMax) {
      return Problem(name(text.column), "TOO_LONG",
                     Cat("is longer than ", kReferenceMax, " bytes"));
    }
    (row.line.*text.set)(std::move(content));
  }
  if (source_ == v1::BankLine::SOURCE_SETTLEMENT) {
    if (row.line.settlement().empty()) row.line.set_settlement(header_.settlement());
    if (row.line.settlement().empty()) {
      return missing("settlement", "the row names no settlement; give the file's in the header");
    }
  }
  row.counterparty = value("counterparty");
  rows_.push_back(std::move(row));
}

std::vector<StatementRow> StatementReader::TakeRows() { return std::exchange(rows_, {}); }
std::vector<v1::ImportProblem> StatementReader::TakeProblems() {
  return std::exchange(problems_, {});
}

}  // namespace aftersales
