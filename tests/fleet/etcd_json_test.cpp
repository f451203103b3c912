// Answers as Debian's etcd 3.4.23 gives them.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "fleet/base64.hpp"
#include "fleet/etcd_json.hpp"
#include "fleet/record.hpp"

using namespace withdrawd::fleet;
namespace json = boost::json;

namespace {

Transaction one_step() {
  return {{{{{"/a", 7}, {"/b", 0}}, Step::Put{"/a", "left", 99}, {{"/a", "", 0}, {"/", "0", 64}}}}};
}

std::string answer(std::string_view step) {
  return R"({"header":{"cluster_id":"1","member_id":"2","revision":"41","raft_term":"3"},)"
         R"("succeeded":true,"responses":[{"response_txn":)" +
         std::string(step) + "}]}";
}

}  // namespace

TEST_CASE("a step compares, writes, and reads where it may not write") {
  const json::value text = json::parse(transaction_json(one_step()));
  const json::value& step = text.at("success").at(0).at("request_txn");
  CHECK(step.at("compare").as_array().size() == 2);
  CHECK(step.at("compare").at(0).at("mod_revision") == "7");
  CHECK(step.at("compare").at(0).at("key") == json::value(base64("/a")));
  CHECK(step.at("success").at(0).at("request_put").at("lease") == "99");
  CHECK(step.at("failure").at(1).at("request_range").at("limit") == "64");
  CHECK_FALSE(step.at("failure").at(0).at("request_range").as_object().contains("range_end"));
}

TEST_CASE("a step that only reads compares nothing") {
  const Transaction look{{{{}, {}, {{"/a", "", 0}}}}};
  const json::value text = json::parse(transaction_json(look));
  const json::value& step = text.at("success").at(0).at("request_txn");
  CHECK_FALSE(step.as_object().contains("compare"));
  CHECK(step.at("success").at(0).at("request_range").at("key") == json::value(base64("/a")));
}

TEST_CASE("a step that was taken tells its revision") {
  const auto result = parse_transaction(
      answer(R"({"header":{},"succeeded":true,"responses":[{"response_put":{"header":{}}}]})"),
      one_step());
  REQUIRE(result);
  CHECK(result->revision == 41);
  REQUIRE(result->steps.size() == 1);
  CHECK(result->steps[0].unchanged);
}

TEST_CASE("a step that was not taken tells what is there instead") {
  const auto result = parse_transaction(
      answer(
          R"({"header":{},"responses":[{"response_range":{"header":{}}},)"
          R"({"response_range":{"header":{},"kvs":[{"key":"L2E=","create_revision":"3",)"
          R"("mod_revision":"9","version":"1","value":"bGVmdA=="}],"more":true,"count":"5"}}]})"),
      one_step());
  REQUIRE(result);
  CHECK_FALSE(result->steps[0].unchanged);
  REQUIRE(result->steps[0].reads.size() == 2);
  CHECK(result->steps[0].reads[0].records.empty());
  CHECK(result->steps[0].reads[1].records == std::vector<Record>{{"/a", "left", 9}});
  CHECK(result->steps[0].reads[1].count == 5);
}

TEST_CASE("an answer of another shape is an error that says what is wrong with it") {
  for (const std::string& text : std::vector<std::string>{
           "", "[]", "nonsense", "{}", R"({"header":{"revision":"x"}})",
           R"({"header":{"revision":"5"},"responses":[]})", answer("7"),
           answer(R"({"responses":1})"),
           answer(R"({"responses":[{"response_range":{"kvs":[7]}},{"response_range":{}}]})"),
           answer(R"({"responses":[{"response_range":{"kvs":[{"key":"!"}]}},)"
                  R"({"response_range":{}}]})"),
           std::string(100, '[')}) {
    CAPTURE(text);
    const auto result = parse_transaction(text, one_step());
    REQUIRE_FALSE(result);
    CHECK(result.error().text().find("etcd") != std::string::npos);
  }
}

TEST_CASE("a lease is granted, lives on, and is over") {
  CHECK(parse_lease_grant(R"({"header":{},"ID":"7587861231256912387","TTL":"10"})") ==
        7587861231256912387);
  CHECK_FALSE(parse_lease_grant("{}"));
  CHECK(parse_lease_keepalive("{\"result\":{\"header\":{},\"ID\":\"7\",\"TTL\":\"10\"}}\n") ==
        true);
  CHECK(parse_lease_keepalive(R"({"result":{"header":{},"ID":"7"}})") == false);
  CHECK_FALSE(parse_lease_keepalive(R"({"error":{}})"));
}

TEST_CASE("a token that could end a line of a request is refused") {
  CHECK(parse_authenticate(R"({"header":{},"token":"abc.12"})") == "abc.12");
  CHECK_FALSE(parse_authenticate(R"({"token":"abc\r\nX: y"})"));
  CHECK_FALSE(parse_authenticate(R"({"header":{}})"));
}

TEST_CASE("a refusal tells its code and what etcd says, printable") {
  const auto invalid = parse_refusal(
      R"({"error":"etcdserver: invalid auth token","message":"etcdserver: invalid auth token","code":16})");
  CHECK(invalid.code == 16);
  CHECK(invalid.message == "etcdserver: invalid auth token");
  const auto streamed = parse_refusal(
      R"({"error":{"grpc_code":5,"http_code":404,"message":"etcdserver: requested lease not found"}})");
  CHECK(streamed.code == 5);
  CHECK(parse_refusal("<html>\x1b[2J").message.find('\x1b') == std::string::npos);
}

TEST_CASE("a watch tells what was written, and nothing of what was deleted") {
  const auto begun = parse_watch(R"({"result":{"header":{"revision":"5"},"created":true}})");
  REQUIRE(begun);
  CHECK((*begun)->empty());
  const auto news = parse_watch(
      R"({"result":{"header":{},"events":[{"kv":{"key":"L2E=","mod_revision":"9","value":"dXA="}},)"
      R"({"type":"DELETE","kv":{"key":"L2I=","mod_revision":"10"}}]}})");
  REQUIRE(news);
  CHECK(**news == std::vector<Record>{{"/a", "up", 9}});
  const auto over = parse_watch(R"({"result":{"canceled":true}})");
  REQUIRE(over);
  CHECK_FALSE(*over);
  CHECK_FALSE(parse_watch(R"({"error":{}})"));
}

TEST_CASE("who follows everything is told of what was deleted as well") {
  const auto news = parse_changes(
      R"({"result":{"header":{},"events":[{"kv":{"key":"L2E=","mod_revision":"9","value":"dXA="}},)"
      R"({"type":"DELETE","kv":{"key":"L2I=","mod_revision":"10"}}]}})");
  REQUIRE(news);
  REQUIRE(*news);
  const auto& changes = (*news)->changes;
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].record == Record{"/a", "up", 9});
  CHECK_FALSE(changes[0].removed);
  CHECK(changes[1].record.key == "/b");
  CHECK(changes[1].removed);
}

TEST_CASE("a watch begins behind the revision at which everything was read") {
  const auto read = parse_range(R"({"header":{"revision":"41"},"count":"0"})");
  REQUIRE(read);
  CHECK(read->revision == 41);
  CHECK(watch_json({"/a", "/b"}, 42).find(R"("start_revision":"42")") != std::string::npos);
  CHECK(watch_json({"/a", "/b"}).find("start_revision") == std::string::npos);
}

TEST_CASE("etcd is told to give the greatest values first") {
  const std::string asked = range_json({"/a", "/b", 4, true});
  CHECK(asked.find(R"("sort_order":"DESCEND")") != std::string::npos);
  CHECK(asked.find(R"("sort_target":"VALUE")") != std::string::npos);
  CHECK(range_json({"/a", "/b", 4}).find("sort") == std::string::npos);
}

TEST_CASE("a record of a place comes back as it was written") {
  using namespace withdrawd::core;
  const PlaceRecord record{{PlaceState::sick, true, Health::down, true, true}, 1764000000};
  CHECK(parse_place(place_text(record)) == record);
  CHECK_FALSE(parse_place("up"));
  CHECK_FALSE(parse_place(R"({"state":"somewhere"})"));
  // Another version may say more.
  CHECK(parse_place(R"({"state":"up","more":[1]})")->place.state == PlaceState::up);
}

TEST_CASE("a key of a place names a prefix and a site") {
  const Keys keys("edge");
  const auto names = keys.parse(keys.of_place("192.0.2.0/24@vrf A/B", "fra1"));
  REQUIRE(names);
  CHECK(names->place == "192.0.2.0/24@vrf A/B");
  CHECK(names->site == "fra1");
  CHECK_FALSE(keys.parse("/withdrawd/1/other/place/192.0.2.0/24/fra1"));
  CHECK_FALSE(keys.parse(keys.places() + "fra1"));
  CHECK(range_end("/a/") == "/a0");
  CHECK(range_end("/a\xff") == "/b");
}

TEST_CASE("the longest answer goes by what was asked for") {
  // As long as withdrawd writes them, twice: escapes are longer than what they stand for.
  const std::string name(128, 'n');
  const std::string record =
      R"({"key":")" + base64("/withdrawd/1/" + name + "/place/2001:db8:ffff:ffff::/128/" + name) +
      R"(","create_revision":"9223372036854775807","mod_revision":"9223372036854775807",)"
      R"("version":"9223372036854775807","lease":"9223372036854775807","value":")" +
      base64(std::string(600, 'v')) + "\"},";
  for (const std::int64_t limit : {1, 30, 500}) {
    const Range range{"a", "b", limit};
    CHECK(longest_answer(range) > static_cast<std::size_t>(limit) * record.size());
    CHECK(longest_answer(range) < static_cast<std::size_t>(limit) * 3000 + 100'000);
  }
  CHECK(longest_answer(Range{"a", "", 0}) > record.size());
  CHECK(longest_answer(Range{"a", "", 0}) < 100'000);
  Transaction transaction;
  for (int i = 0; i < 30; ++i) transaction.steps.push_back({{}, {}, {{"a", "", 0}, {"a", "b", 5}}});
  CHECK(longest_answer(transaction) > 30 * 6 * record.size());
  CHECK(longest_answer(transaction) < 4'000'000);
}
