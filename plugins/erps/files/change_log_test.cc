#include "plugins/erps/files/change_log.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::erps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteAll(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string Id(int n) {
  std::string digits = std::to_string(n);
  return "sellers/acme/events/" + std::string(6 - digits.size(), '0') + digits;
}

Json Record(const std::string& id, const std::string& seller = "sellers/acme") {
  return {{"effect_id", id}, {"seller", seller}, {"status", "APPROVED"}, {"note", "=a,\"b\""}};
}

std::vector<Json> Records(int first, int last) {
  std::vector<Json> records;
  for (int n = first; n <= last; ++n) records.push_back(Record(Id(n)));
  return records;
}

class ChangeLogTest : public ::testing::Test {
 protected:
  ChangeLogTest() {
    std::string name = fs::temp_directory_path() / "change_log_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ChangeLogTest() override { fs::remove_all(directory_); }

  fs::path Jsonl() const { return directory_ / "changes.jsonl"; }
  fs::path Csv() const { return directory_ / "changes.csv"; }

  std::vector<std::string> IdsInLog() const {
    std::vector<std::string> ids;
    std::ifstream file(Jsonl());
    for (std::string line; std::getline(file, line);) {
      ids.push_back(Json::parse(line)["effect_id"].get<std::string>());
    }
    return ids;
  }
  // The CSV file must be what follows from the log, whatever has happened.
  void ExpectConsistent() const {
    std::string expected = CsvHeader();
    std::ifstream file(Jsonl());
    for (std::string line; std::getline(file, line);) expected += ToCsvRow(Json::parse(line));
    EXPECT_EQ(ReadAll(Csv()), expected);
  }

  fs::path directory_;
};

TEST_F(ChangeLogTest, AppendsToBothFiles) {
  ChangeLog log(directory_);
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(ReadAll(Csv()), CsvHeader());
  ASSERT_TRUE(log.Append(Records(1, 3)).ok());
  ASSERT_TRUE(log.Append(Records(4, 4)).ok());
  EXPECT_EQ(IdsInLog(), (std::vector<std::string>{Id(1), Id(2), Id(3), Id(4)}));
  ExpectConsistent();
}

TEST_F(ChangeLogTest, RepeatsAreDropped) {
  ChangeLog log(directory_);
  ASSERT_TRUE(log.Append(Records(1, 3)).ok());
  ASSERT_TRUE(log.Append(Records(2, 5)).ok());
  ASSERT_TRUE(log.Append({Record(Id(6)), Record(Id(6)), Record(Id(1))}).ok());
  EXPECT_EQ(IdsInLog().size(), 6u);
  ExpectConsistent();
}

TEST_F(ChangeLogTest, RepeatsAreDroppedAfterARestart) {
  for (int run = 0; run < 4; ++run) {
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Append(Records(1, 3 + run)).ok());
    ExpectConsistent();
  }
  EXPECT_EQ(IdsInLog().size(), 6u);
}

TEST_F(ChangeLogTest, IdsOutOfOrderAreTakenOnceWhateverTheWindow) {
  for (const std::size_t window : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    fs::remove(Jsonl());
    fs::remove(Csv());
    std::mt19937 random(3);
    std::set<std::string> ids;
    auto log = std::make_unique<ChangeLog>(directory_, ChangeLog::Options{window, 500});
    for (int round = 0; round < 150; ++round) {
      std::vector<Json> batch;
      for (int i = 0; i < 5; ++i) {
        const std::string id = Id(static_cast<int>(random() % 400));
        batch.push_back(Record(id));
        ids.insert(id);
      }
      ASSERT_TRUE(log->Append(batch).ok());
      if (round % 20 == 19) {
        log.reset();
        log = std::make_unique<ChangeLog>(directory_, ChangeLog::Options{window, 500});
      }
    }
    log.reset();
    const std::vector<std::string> in_log = IdsInLog();
    EXPECT_EQ(in_log.size(), ids.size()) << window;
    EXPECT_EQ(std::set<std::string>(in_log.begin(), in_log.end()), ids) << window;
    ExpectConsistent();
    fs::remove(directory_ / "changes.checkpoint");
  }
}

TEST_F(ChangeLogTest, SellersDoNotHideEachOther) {
  ChangeLog log(directory_, {.window = 1, .checkpoint_every = 1});
  ASSERT_TRUE(log.Append({Record("sellers/b/events/9", "sellers/b")}).ok());
  ASSERT_TRUE(log.Append({Record("sellers/a/events/1", "sellers/a")}).ok());
  ASSERT_TRUE(log.Append({Record("sellers/b/events/9", "sellers/b")}).ok());
  ASSERT_TRUE(log.Append({Record("sellers/a/events/0", "sellers/a")}).ok());
  EXPECT_EQ(IdsInLog().size(), 3u);
}

// A crash may leave any prefix of the last write in either file. Pushing again must give the same
// files, byte by byte, as if nothing had happened.
TEST_F(ChangeLogTest, AnyCutOfTheLastRecordsIsRepaired) {
  for (const bool with_checkpoint : {false, true}) {
    {
      ChangeLog log(directory_);
      ASSERT_TRUE(log.Append(Records(1, 2)).ok());
    }
    const std::string jsonl_before = ReadAll(Jsonl());
    const std::string csv_before = ReadAll(Csv());
    if (with_checkpoint) {
      ChangeLog log(directory_);
      ASSERT_TRUE(log.Open().ok());
    } else {
      fs::remove(directory_ / "changes.checkpoint");
    }
    const std::string checkpoint = ReadAll(directory_ / "changes.checkpoint");
    {
      ChangeLog log(directory_);
      ASSERT_TRUE(log.Append(Records(3, 4)).ok());
    }
    const std::string jsonl = ReadAll(Jsonl());
    const std::string csv = ReadAll(Csv());
    std::vector<std::pair<std::size_t, std::size_t>> cuts;
    for (std::size_t at = 0; at <= jsonl.size(); ++at) cuts.push_back({at, csv_before.size()});
    for (std::size_t at = jsonl_before.size(); at <= jsonl.size(); ++at) {
      cuts.push_back({at, csv.size() - csv_before.size() > 3 ? csv_before.size() + 3 : csv.size()});
    }
    for (std::size_t at = 0; at <= csv.size(); ++at) cuts.push_back({jsonl.size(), at});
    for (const auto& [jsonl_size, csv_size] : cuts) {
      if (jsonl_size == 0 && csv_size > CsvHeader().size()) continue;  // Refused, see below.
      WriteAll(Jsonl(), jsonl.substr(0, jsonl_size));
      WriteAll(Csv(), csv.substr(0, csv_size));
      if (with_checkpoint) {
        WriteAll(directory_ / "changes.checkpoint", checkpoint);
      } else {
        fs::remove(directory_ / "changes.checkpoint");
      }
      ChangeLog log(directory_);
      const sdk::Status status = log.Append(Records(1, 4));
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(ReadAll(Jsonl()), jsonl) << jsonl_size << " " << csv_size;
      ASSERT_EQ(ReadAll(Csv()), csv) << jsonl_size << " " << csv_size;
    }
    fs::remove_all(directory_);
  }
}

TEST_F(ChangeLogTest, GarbageAfterTheLastRecordIsCut) {
  {
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Append(Records(1, 2)).ok());
  }
  const std::string good = ReadAll(Jsonl());
  for (const std::string& garbage :
       {std::string(300, '\0'), std::string("{\"effect_id\":\"x\n"), std::string("[]\n\n"),
        std::string("{\"seller\":1}\n\xFF\xFE\n")}) {
    WriteAll(Jsonl(), good + garbage);
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Open().ok());
    EXPECT_EQ(ReadAll(Jsonl()), good);
    ExpectConsistent();
  }
}

TEST_F(ChangeLogTest, DamageInTheMiddleIsRefusedAndNothingIsLost) {
  {
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Append(Records(1, 3)).ok());
  }
  fs::remove(directory_ / "changes.checkpoint");
  std::string bytes = ReadAll(Jsonl());
  bytes[bytes.find('\n') + 3] = '\n';
  WriteAll(Jsonl(), bytes);
  ChangeLog log(directory_);
  const sdk::Status status = log.Append(Records(4, 4));
  EXPECT_EQ(status.code(), sdk::Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("damaged"));
  EXPECT_EQ(ReadAll(Jsonl()), bytes);
}

TEST_F(ChangeLogTest, CheckpointsSpareReadingAndAreNotTrustedBlindly) {
  {
    ChangeLog log(directory_, {.window = 4, .checkpoint_every = 200});
    for (int n = 1; n <= 50; ++n) ASSERT_TRUE(log.Append(Records(n, n)).ok());
  }
  const fs::path checkpoint = directory_ / "changes.checkpoint";
  const std::string saved = ReadAll(checkpoint);
  EXPECT_THAT(saved, HasSubstr("\"log_bytes\""));
  for (const std::string& text :
       {saved, std::string(), std::string("{}"), std::string("[1]"), std::string("{\"log_byt"),
        std::string(
            R"({"log_bytes":999999,"csv_bytes":1,"last_line":3,"effect_id":"x","last":{}})"),
        std::string(
            R"({"log_bytes":"9","csv_bytes":-1,"last_line":-3,"effect_id":1,"last":[]})")}) {
    WriteAll(checkpoint, text);
    ChangeLog log(directory_, {.window = 4, .checkpoint_every = 200});
    ASSERT_TRUE(log.Append(Records(1, 50)).ok()) << text;
    EXPECT_EQ(IdsInLog().size(), 50u) << text;
    ExpectConsistent();
  }
}

TEST_F(ChangeLogTest, FilesThatAreMovedAwayStartAnew) {
  ChangeLog log(directory_);
  ASSERT_TRUE(log.Append(Records(1, 2)).ok());
  fs::rename(Jsonl(), directory_ / "old.jsonl");
  fs::rename(Csv(), directory_ / "old.csv");
  ASSERT_TRUE(log.Append(Records(3, 3)).ok());
  EXPECT_EQ(IdsInLog(), std::vector<std::string>{Id(3)});
  ExpectConsistent();
  // The CSV file alone comes back in full.
  fs::remove(Csv());
  ASSERT_TRUE(log.Append(Records(4, 4)).ok());
  EXPECT_EQ(IdsInLog().size(), 2u);
  ExpectConsistent();
}

TEST_F(ChangeLogTest, RowsWithoutTheirLogAreNotThrownAway) {
  {
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Append(Records(1, 2)).ok());
  }
  const std::string csv = ReadAll(Csv());
  fs::remove(Jsonl());
  ChangeLog log(directory_);
  const sdk::Status status = log.Open();
  EXPECT_EQ(status.code(), sdk::Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("changes.jsonl"));
  EXPECT_EQ(ReadAll(Csv()), csv);
}

TEST_F(ChangeLogTest, ForeignCsvFileIsNotTouched) {
  WriteAll(Csv(), "my own table\n1\n");
  ChangeLog log(directory_);
  EXPECT_THAT(log.Open().message(), HasSubstr("not written by this plugin"));
  EXPECT_EQ(ReadAll(Csv()), "my own table\n1\n");
}

TEST_F(ChangeLogTest, ASecondWriterIsRefused) {
  ChangeLog first(directory_);
  ASSERT_TRUE(first.Open().ok());
  ChangeLog second(directory_);
  const sdk::Status status = second.Open();
  EXPECT_EQ(status.code(), sdk::Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("in use"));
}

TEST_F(ChangeLogTest, DirectoriesThatCannotBeUsed) {
  WriteAll(directory_ / "file", "x");
  EXPECT_THAT(ChangeLog(directory_ / "file").Open().message(), HasSubstr("is a file"));
  EXPECT_THAT(ChangeLog(directory_ / "file" / "below").Open().message(),
              HasSubstr("cannot be made"));
  fs::create_directory(directory_ / "taken");
  fs::create_directory(directory_ / "taken" / "changes.jsonl");
  EXPECT_THAT(ChangeLog(directory_ / "taken").Open().message(), HasSubstr("cannot be written"));
  // Nobody, not even root, may make directories here.
  EXPECT_THAT(ChangeLog("/proc/aftersales").Open().message(), HasSubstr("directory: "));
}

TEST_F(ChangeLogTest, InvalidTextGivesTheSameRowNowAndLater) {
  {
    ChangeLog log(directory_);
    ASSERT_TRUE(log.Append({{{"effect_id", "1"},
                             {"status",
                              "a\xFF"
                              "b"}}})
                    .ok());
  }
  const std::string csv = ReadAll(Csv());
  fs::remove(Csv());
  ChangeLog log(directory_);
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(ReadAll(Csv()), csv);
}

}  // namespace
}  // namespace aftersales::erps
