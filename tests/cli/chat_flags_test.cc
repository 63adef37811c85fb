#include <gtest/gtest.h>

#include "cli/verbs.h"

namespace lathe::cli {
namespace {

// C-11.1
TEST(ChatFlags, HaveTheOriginsNamesShortFormsAndDefaults) {
  VerbList verbs = make_verbs();
  Result<Found> found = find_verb(verbs, {"chat_cli"});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().verb->info().name, "chat");
  SettingsTable table;
  found.value().verb->describe(table);
  struct Flag {
    const char* name;
    char short_form;
    const char* value;
  };
  const Json values = table.to_json();
  for (const Flag& flag : {Flag{"source", 'i', "\"sft\""}, {"step", 's', "-1"}, {"prompt", 'p', "\"\""}, {"temperature", 't', "0.6"},
                           {"top-k", 'k', "50"}, {"max_tokens", 'm', "256"}}) {
    const Setting* setting = table.find(flag.name);
    ASSERT_NE(setting, nullptr) << flag.name;
    EXPECT_EQ(setting->short_flag, flag.short_form) << flag.name;
    EXPECT_EQ(values.at(setting->name).dump(), flag.value);
  }
  EXPECT_TRUE(table.set_text("source", {"mid"}).ok());
  EXPECT_FALSE(table.set_text("source", {"nowhere"}).ok());
}

}  // namespace
}  // namespace lathe::cli
