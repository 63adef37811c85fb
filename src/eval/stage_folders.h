// Where the checkpoints and metrics of each stage lie below the base folder.
#pragma once

namespace lathe::eval {

struct StageFolder {
  const char* stage;
  const char* folder;  // <base>/<folder>/<tag>/
};
inline constexpr StageFolder kStageFolders[] = {{"base", "base_checkpoints"},
                                                {"mid", "mid_checkpoints"},
                                                {"sft", "chatsft_checkpoints"},
                                                {"dpo", "chatdpo_checkpoints"},
                                                {"rl", "chatrl_checkpoints"}};

}  // namespace lathe::eval
