#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <ctime>

#include "folder.hpp"
#include "written_config.hpp"

using namespace withdrawd;

namespace {

constexpr std::string_view include_all = "include = \"conf.d/*.toml\"\n";

std::string rule(std::string_view name, std::string_view prefix) {
  return fmt::format("[rule.{}]\nprefixes = [\"{}\"]\nchecks = [\"resolver\"]\n", name, prefix);
}

/// What is said of the folder's withdrawd.toml, with the folder as "F".
Lines said(const Folder& folder) {
  const auto result = config::load(folder.path() / "withdrawd.toml");
  Lines lines;
  for (const auto& complaint : result ? result->warnings : result.error()) {
    auto text = complaint.text();
    const auto& path = folder.path().native();
    for (std::size_t i = 0; (i = text.find(path)) != text.npos;) text.replace(i, path.size(), "F");
    lines.push_back(text);
  }
  return lines;
}

Lines rules_of(const Folder& folder) {
  const auto config = config::load(folder.path() / "withdrawd.toml").value().config;
  Lines names;
  for (const auto& each : config.settings.rules) names.push_back(each.name);
  return names;
}

}  // namespace

TEST_CASE("included files are read in order, behind the one that includes them") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  folder.file(rule("b", "198.51.100.0/24"), "conf.d/20-b.toml");
  folder.file(rule("a", "203.0.113.0/24"), "conf.d/10-a.toml");
  folder.file("nonsense", "conf.d/README");
  folder.file("nonsense", "conf.d/.hidden.toml");
  CHECK(rules_of(folder) == Lines{"anycast", "a", "b"});
}

TEST_CASE("several patterns, absolute ones too, and none reads a file twice") {
  const Folder folder;
  folder.file(fmt::format("include = [\"*.toml\", \"x/[ab].toml\", \"{}/x/a.toml\"]\n{}",
                          folder.path().native(), sound));
  folder.file(rule("a", "198.51.100.0/24"), "x/a.toml");
  folder.file(rule("b", "203.0.113.0/24"), "x/b.toml");
  CHECK(said(folder) == Lines{});
  CHECK(rules_of(folder) == Lines{"anycast", "a", "b"});
}

TEST_CASE("a pattern that matches nothing is fine, a plain path that is not there is not") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  CHECK(said(folder) == Lines{});
  folder.file("include = \"conf.d/a.toml\"\n" + std::string(sound));
  CHECK(said(folder) == Lines{"F/conf.d/a.toml: error: cannot be read: No such file or "
                              "directory (it is included in F/withdrawd.toml:1)"});
}

TEST_CASE("a mistake in an included file is told with that file's name and place") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound) + "route_map = 5\n");
  folder.file(rule("a", "198.51.100.0/24") + "colour = 1\n", "conf.d/a.toml");
  folder.file("[rule\n", "conf.d/b.toml");
  const auto lines = said(folder);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("F/withdrawd.toml:8:13: error: \"route_map\" in [rule.anycast]"));
  CHECK(lines[1] == "F/conf.d/a.toml:4:1: error: unknown key \"colour\" in [rule.a]");
  CHECK(lines[2].starts_with("F/conf.d/b.toml:1:6: error: this is not TOML: "));
}

TEST_CASE("files judge their sections together") {
  const Folder folder;
  folder.file(std::string(include_all) + "[defaults]\nroute_map = \"TAG\"\n" + std::string(sound));
  folder.file("[check.b]\nserver = \"::1\"\nname = \"b\"\n[group.g]\nmin_announced = 1\n",
              "conf.d/a.toml");
  folder.file(
      "[rule.b]\nprefixes = [\"198.51.100.0/24\"]\nchecks = [\"b\", \"resolver\"]\n"
      "group = \"g\"\n",
      "conf.d/b.toml");
  REQUIRE(said(folder) == Lines{});
  const auto config = config::load(folder.path() / "withdrawd.toml").value().config;
  const auto& rule = config.settings.rules.at(1);
  CHECK(rule.checks == std::vector<std::size_t>{1, 0});
  CHECK(rule.group == std::size_t{0});
  CHECK(rule.route_map->text() == "TAG");
}

TEST_CASE("a section that stands in two files is an error that names both") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  folder.file(rule("anycast", "198.51.100.0/24"), "conf.d/a.toml");
  folder.file(rule("b", "192.0.2.0/25"), "conf.d/b.toml");
  CHECK(said(folder) ==
        Lines{"F/conf.d/a.toml:1:7: error: [rule.anycast] stands already in F/withdrawd.toml:5",
              "F/conf.d/b.toml:2:13: error: 192.0.2.0/25 in [rule.b] overlaps 192.0.2.0/24 in "
              "[rule.anycast] (F/withdrawd.toml:6)"});
}

TEST_CASE("an included file has checks, rules and groups only") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  folder.file("include = \"x\"\n[defaults]\nrise = 2\n", "conf.d/a.toml");
  const std::string rest =
      " in an included file; expected sections such as [check.NAME], [rule.NAME] and [group.NAME] "
      "only";
  CHECK(said(folder) == Lines{"F/conf.d/a.toml:1:1: error: key \"include\"" + rest,
                              "F/conf.d/a.toml:2:2: error: section [defaults]" + rest});
}

TEST_CASE("an empty included file is fine") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  folder.file("# later\n", "conf.d/a.toml");
  CHECK(said(folder) == Lines{});
}

TEST_CASE("a directory that cannot be an included file is named") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  folder.file("", "conf.d/a.toml/b");
  CHECK(said(folder) ==
        Lines{"F/conf.d/a.toml: error: cannot be read: it is a directory (expected a regular "
              "file) (it is included in F/withdrawd.toml:1)"});
}

TEST_CASE("text alone includes nothing") {
  CHECK(complaints(at_top("include = \"/nosuch.toml\"")) == Lines{});
  CHECK(complaints(at_top("include = \"\"")) ==
        Lines{"f:1:11: error: \"include\" is the string \"\"; expected a path, such as "
              "\"/etc/withdrawd/conf.d/*.toml\""});
}

TEST_CASE("a FIFO among the included files is refused, and nobody waits for it") {
  const Folder folder;
  folder.file(std::string(include_all) + std::string(sound));
  std::filesystem::create_directories(folder.path() / "conf.d");
  REQUIRE(::mkfifo((folder.path() / "conf.d/a.toml").c_str(), 0600) == 0);
  const auto complaints = said(folder);
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].find("it is a FIFO (expected a regular file)") != std::string::npos);
}

TEST_CASE("four times as many files take about four times as long") {
  const auto seconds_for = [](int files) {
    const Folder folder;
    folder.file(std::string(include_all) + std::string(sound));
    for (int i = 0; i < files; ++i) {
      folder.file(rule(fmt::format("r{}", i), fmt::format("10.{}.{}.0/24", i / 256, i % 256)),
                  fmt::format("conf.d/{:05}.toml", i));
    }
    const auto before = std::clock();
    REQUIRE(config::load(folder.path() / "withdrawd.toml"));
    return static_cast<double>(std::clock() - before);
  };
  const double few = seconds_for(1'000);
  CHECK(seconds_for(4'000) < 7 * few);
}
