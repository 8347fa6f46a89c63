#include "core/store/sqlite/packing.h"

#include <gtest/gtest.h>

#include <random>

#include "aftersales/v1/event.pb.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {
namespace {

std::string Scan(int number) {
  v1::Event event;
  event.set_name("sellers/tokyo-tools/events/000000000000" + std::to_string(1000 + number));
  event.set_subject("sellers/tokyo-tools/returns/ret_01m8c7qawt4ztn6hd0za1zjpcf");
  event.set_source("api");
  event.set_channel("sellers/tokyo-tools/channels/jp");
  event.set_status_after("IN_TRANSIT");
  event.mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  return event.SerializeAsString();
}

TEST(PackingTest, UnpacksWhatItPacked) {
  Packing packing(TypicalRecords());
  std::mt19937_64 random(7);
  std::string noise;
  for (const size_t size : {0, 1, 2, 100, 5'000, 2'000'000}) {
    while (noise.size() < size) noise += static_cast<char>(random() | 1);
    for (const std::string& body :
         {std::string(size, 'x'), noise.substr(0, size), Scan(static_cast<int>(size % 1000))}) {
      const std::string stored(packing.Pack(body));
      EXPECT_EQ(packing.Unpack(stored), body) << size;
      EXPECT_LE(stored.size(), body.size());
    }
  }
}

TEST(PackingTest, HalvesAFact) {
  Packing packing(TypicalRecords());
  EXPECT_LE(packing.Pack(Scan(1)).size(), Scan(1).size() / 2);
}

TEST(PackingTest, AnotherPackingWithTheSameSamplesUnpacks) {
  Packing here(TypicalRecords());
  Packing there(TypicalRecords());
  const std::string stored(here.Pack(Scan(1)));
  ASSERT_EQ(stored.front(), '\0');
  EXPECT_EQ(there.Unpack(stored), Scan(1));
}

TEST(PackingTest, DamagedBodiesAreSaidToBe) {
  Packing packing(TypicalRecords());
  const std::string stored(packing.Pack(Scan(1)));
  for (size_t size = 1; size < stored.size(); ++size) {
    EXPECT_THROW(packing.Unpack(stored.substr(0, size)), Error) << size;
  }
  // Says that it has an exabyte to give.
  EXPECT_THROW(packing.Unpack(std::string("\0\xE0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x0F", 10)), Error);
  EXPECT_EQ(packing.Unpack(stored), Scan(1)) << "usable afterwards";
}

}  // namespace
}  // namespace aftersales::store::sqlite
