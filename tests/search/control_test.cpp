// Who follows a run, and how it is ended.
#include <thread>

#include "attend/search/sample.h"
#include "search/table_model.h"

namespace attend::testing {
namespace {

// Every way to run, over three items for a while.
enum class Way { kSearch, kSample, kForce, kForceAtOnce };
std::vector<SearchResult> run(Way way, TableModel& model, const SearchControl& control, std::int64_t length = 6) {
  if (way == Way::kSearch) return search(model, plain_search(3, 1, length), control);
  if (way == Way::kSample) {
    SampleOptions o;
    o.max_tokens = length;
    o.past_end = true;
    return sample(model, {std::vector<Tokens>(3)}, o, control);
  }
  return force(model, std::vector<Tokens>{Tokens(static_cast<std::size_t>(length), 4), {4, 3}, {5, 6, 3}}, control);
}
Table table_for(Way way) {
  return {.scores = favouring(drawn_scores(9), 3, -3), .lengths = {3, 1, 2}, .at_once = way == Way::kForceAtOnce};
}

class Control : public ::testing::TestWithParam<Way> {};

// Steps come in order, in each step the items; the events' nodes together are the whole tree.
TEST_P(Control, EventsTellEveryNodeOnceInOrder) {
  struct Seen {
    std::int64_t step = -1;
    std::size_t nodes = 0;
    bool done = false;
    std::shared_ptr<const GrowingRecord> record;
  };
  std::vector<Seen> seen(3);
  std::pair<std::int64_t, std::int64_t> last{-1, 3};
  TableModel model(table_for(GetParam()));
  const auto found =
      run(GetParam(), model, {.record = true, .on_step = [&](const StepEvent& event) {
                                EXPECT_LT(last, std::pair(event.step, event.item));
                                last = {event.step, event.item};
                                auto& own = seen.at(static_cast<std::size_t>(event.item));
                                EXPECT_FALSE(own.done);
                                EXPECT_EQ(event.step, own.step + 1);
                                EXPECT_EQ(event.pass, 0);
                                EXPECT_EQ(event.first_node, own.nodes);
                                EXPECT_GT(event.record->nodes().size(), event.first_node);
                                for (auto n = event.first_node; n < event.record->nodes().size(); ++n)
                                  EXPECT_EQ(event.record->nodes()[n].step, event.step);
                                const auto tree = event.record->snapshot();
                                EXPECT_EQ(tree.nodes.size(), event.record->size());
                                EXPECT_EQ(tree.maps.back().rows, tree.maps.back().site.name == "encoder.self" ? 0 : tree.nodes.size());
                                EXPECT_EQ(event.record->finished(), event.done);
                                own = {event.step, event.record->size(), event.done, event.record};
                                return AfterStep::kGoOn;
                              }});
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(seen[i].done);
    EXPECT_EQ(seen[i].nodes, found[i].nodes.size());
    // Who follows keeps what there is, and the result is whole all the same.
    const auto kept = seen[i].record->snapshot();
    ASSERT_EQ(kept.maps.size(), found[i].maps.size());
    for (std::size_t k = 0; k < kept.maps.size(); ++k) EXPECT_EQ(kept.maps[k].weights, found[i].maps[k].weights);
    EXPECT_EQ(found[i].maps.size(), 4U);
  }
}

TEST_P(Control, AnEventMayCancel) {
  TableModel model(table_for(GetParam()));
  int events = 0;
  EXPECT_ERROR(run(GetParam(), model,
                   {.on_step =
                        [&](const StepEvent& event) {
                          ++events;
                          return event.step == 1 && event.item == 1 ? AfterStep::kCancel : AfterStep::kGoOn;
                        }}),
               kInterrupted, "interrupted");
  EXPECT_EQ(events, 5);  // three of the first step, two of the second
  EXPECT_EQ(model.steps, GetParam() == Way::kForceAtOnce ? 0 : 2);
}

TEST_P(Control, StopsBeforeTheNextStep) {
  std::atomic<bool> stop{false};
  TableModel model(table_for(GetParam()));
  model.before_step = [&](int step) { stop = step >= 3; };
  if (GetParam() == Way::kForceAtOnce) stop = true;  // there is but one look
  EXPECT_ERROR(run(GetParam(), model, {.stop = &stop}, 1000), kInterrupted, "interrupted");
  EXPECT_EQ(model.steps, GetParam() == Way::kForceAtOnce ? 0 : 3);
}

std::string name_of(const ::testing::TestParamInfo<Way>& instance) {
  const char* names[] = {"search", "sample", "force", "force_at_once"};
  return names[static_cast<int>(instance.param)];
}
INSTANTIATE_TEST_SUITE_P(Ways, Control, ::testing::Values(Way::kSearch, Way::kSample, Way::kForce, Way::kForceAtOnce), name_of);

TEST(Cancelling, AnotherThreadMayStop) {
  std::atomic<bool> stop{false}, started{false};
  TableModel model({.scores = favouring(drawn_scores(9), 3, -60), .lengths = {1}});
  model.before_step = [&](int) { started = true; };
  std::thread other([&] {
    while (!started) std::this_thread::yield();
    stop = true;
  });
  SampleOptions o;
  o.max_tokens = 1 << 24;
  EXPECT_ERROR(sample(model, {{{}}}, o, {.stop = &stop}), kInterrupted, "interrupted");
  other.join();
}

// Another thread draws the tree while the search lets it grow.
TEST(Following, FromAnotherThread) {
  const Table table{.scores = favouring(drawn_scores(9), 3, -4), .lengths = {4}};
  std::shared_ptr<const GrowingRecord> followed;
  std::thread follower;
  std::atomic<std::size_t> looks{0};
  TableModel model(table);
  model.before_step = [&](int step) {
    if (step > 2)
      while (looks < static_cast<std::size_t>(step)) std::this_thread::yield();  // so that it sees the tree grow
  };
  const auto found = search(model, plain_search(4, 2, 40), {.record = true, .on_step = [&](const StepEvent& event) {
                                                              if (event.step == 0) {
                                                                followed = event.record;
                                                                follower = std::thread([&looks, record = event.record] {
                                                                  std::size_t before = 0;
                                                                  for (bool last = false; !last;) {
                                                                    last = record->finished();
                                                                    const auto tree = record->snapshot();
                                                                    EXPECT_GE(tree.nodes.size(), before);
                                                                    before = tree.nodes.size();
                                                                    for (const auto& map : tree.maps) {
                                                                      EXPECT_EQ(map.rows, map.site.rows == RowAxis::kNode ? before : 4);
                                                                    }
                                                                    for (const auto& scalar : tree.scalars)
                                                                      EXPECT_EQ(scalar.values.size(), before);
                                                                    looks += last ? 1000 : 1;
                                                                  }
                                                                });
                                                              }
                                                              return AfterStep::kGoOn;
                                                            }})[0];
  follower.join();
  EXPECT_GT(model.steps, 3);
  const auto kept = followed->snapshot();
  ASSERT_EQ(kept.nodes.size(), found.nodes.size());
  EXPECT_EQ(kept.maps.back().weights, found.maps.back().weights);
}

// Searches in several threads, each with a model of its own.
TEST(Following, SeveralSearchesAtOnce) {
  const Table table{.lengths = {3, 2, 4}};
  const auto expected = search_table(table, plain_search(4, 2, 8));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      const auto found = search_table(table, plain_search(4, 2, 8), {.record = true});
      for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(found[i].best[0].tokens, expected[i].best[0].tokens);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace attend::testing
