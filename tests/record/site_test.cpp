// Which site is the attention to the source, and what a layer is called.
#include "attend/record/site.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/sites.h"

namespace attend {
namespace {

std::optional<std::size_t> found_in(const std::vector<Site>& sites, std::optional<std::int64_t> layer = {}) {
  std::vector<const Site*> pointers;
  for (const auto& site : sites) pointers.push_back(&site);
  return attention_to_source(pointers, layer);
}

TEST(AttentionToSource, IsTheLastLayerOfThoseWithTheRole) {
  auto draft = sites::decoder_attention(ColumnAxis::kDraft);
  draft.name = "decoder.draft";
  draft.role = SiteRole::kDraft;
  draft.layer = 7;
  const std::vector<Site> all{sites::encoder_self(5),  sites::decoder_cross(1), sites::decoder_cross(2),
                              sites::decoder_cross(0), sites::decoder_self(9),  draft};
  EXPECT_EQ(found_in(all), 2u);  // whatever order they come in, and whatever other sites are called
  EXPECT_EQ(found_in(all, 0), 3u);
  EXPECT_EQ(found_in(all, 1), 1u);
  EXPECT_ERROR(found_in(all, 7), kValue, "layer 7 does not attend to the source; those that do: 1, 2, 0");
}

TEST(AttentionToSource, IsNoneWhereNoSiteHasTheRole) {
  EXPECT_EQ(found_in({sites::encoder_self(0), sites::decoder_self(0)}), std::nullopt);
  EXPECT_EQ(found_in({}, 3), std::nullopt);
  EXPECT_EQ(source_site(std::vector{sites::decoder_cross(0), sites::decoder_cross(1)}), sites::decoder_cross(1));
  EXPECT_EQ(source_site(std::vector{sites::decoder_self(0)}), std::nullopt);
}

TEST(Layers, AreLastOrANumber) {
  EXPECT_EQ(parse_layer("last"), std::nullopt);
  EXPECT_EQ(parse_layer("0"), 0);
  EXPECT_EQ(parse_layer("11"), 11);
  for (const auto* wrong : {"", "first", "-1", "1x", "1.5", " 1"})
    EXPECT_ERROR(parse_layer(wrong), kValue, "layer: expected last or a number from 0");
  EXPECT_EQ(describe_layer(sites::decoder_cross(5), {}), "layer 5 (last)");
  EXPECT_EQ(describe_layer(sites::decoder_cross(3), 3), "layer 3");
}

TEST(Axes, TellWhatIsCountedByTokensOfTheSource) {
  EXPECT_FALSE(over_source(RowAxis::kNode));
  for (const auto axis : {RowAxis::kSource, RowAxis::kDocument, RowAxis::kQuestion, RowAxis::kCell}) EXPECT_TRUE(over_source(axis));
  for (const auto axis : {ColumnAxis::kStep, ColumnAxis::kSlot}) EXPECT_FALSE(over_source(axis));
  for (const auto axis :
       {ColumnAxis::kSource, ColumnAxis::kDraft, ColumnAxis::kDocument, ColumnAxis::kQuestion, ColumnAxis::kStatement, ColumnAxis::kCell})
    EXPECT_TRUE(over_source(axis));
  EXPECT_TRUE(target_to_source(sites::decoder_cross(0)));
  EXPECT_FALSE(target_to_source(sites::decoder_self(0)));
  EXPECT_FALSE(target_to_source(sites::encoder_self(0)));
}

}  // namespace
}  // namespace attend
