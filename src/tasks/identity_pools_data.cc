// The order of every list is part of the contract: draws are positions (row C-17.12).
#include "tasks/identity_prompt.h"

namespace lathe::tasks {

const std::vector<NamedPool>& identity_topics() {
  static const std::vector<NamedPool> pools = {
      {"identity",
       {"who/what is lathe", "who created lathe and why", "what does the name 'lathe' mean", "is lathe open source, what license",
        "where can I find the code", "how can I contribute to lathe"}},
      {"architecture",
       {"basic architecture overview (transformer, layers, parameters)", "what is RoPE and why use it", "explain RMSNorm vs LayerNorm",
        "what is Flash Attention and why it matters", "sliding window attention pattern", "value embeddings - what are they",
        "per-layer residual scalars", "ReLU squared activation", "logit softcapping", "QK normalization"}},
      {"training",
       {"how much did it cost to train lathe", "how long does training take", "what hardware is needed", "what data was lathe trained on",
        "what is the Muon optimizer", "explain the split optimizer design", "what is the depth parameter and scaling", "what is the CORE metric"}},
      {"capabilities",
       {"what can lathe do", "can lathe write code", "can lathe do math (calculator tool)", "can lathe help with writing",
        "what languages does lathe speak", "how good is lathe at reasoning"}},
      {"limitations",
       {"what can lathe NOT do", "why does lathe work best in English", "does lathe have internet access", "what is lathe's context length limit",
        "can lathe remember previous conversations", "can lathe make mistakes / hallucinate", "is lathe good for production use"}},
      {"comparisons",
       {"how does lathe compare to GPT-2", "how does lathe compare to ChatGPT/GPT-4", "how does lathe compare to Claude",
        "why is training 600x cheaper than GPT-2", "what's special about lathe vs other open models"}},
      {"history",
       {"the GPT-2 training cost in 2019", "how AI training costs have dropped over time", "relationship to modded-nanogpt project",
        "what optimizations worked vs didn't work", "the journey of building lathe"}},
      {"technical_deep_dive",
       {"explain the tokenizer (BPE, vocab size)", "how does distributed training work (ZeRO)", "explain the dataloader and BOS alignment",
        "what is compute-optimal training", "how does the calculator tool work", "explain inference with KV cache"}},
      {"philosophical",
       {"is lathe conscious / does it have feelings", "what happens when lathe is wrong", "can lathe learn from this conversation",
        "why make AI training accessible", "the future of open source AI"}},
  };
  return pools;
}

const std::vector<std::string_view>& identity_personas() {
  static const std::vector<std::string_view> pool = {
      "curious beginner who knows nothing about AI or machine learning",
      "ML researcher or engineer who wants technical depth and specifics",
      "developer considering contributing to the lathe project",
      "skeptic who doubts open source can compete with big AI labs",
      "computer science student learning about transformers and LLMs",
      "someone comparing lathe to ChatGPT, Claude, or other assistants",
      "journalist or writer covering AI democratization and open source",
      "hobbyist who just wants to chat and learn casually",
      "someone interested in the cost and economics of AI training",
      "teacher or educator wanting to use lathe for teaching",
      "entrepreneur exploring if lathe fits their use case",
      "someone who just discovered the project and wants the basics",
  };
  return pool;
}

const std::vector<std::string_view>& identity_dynamics() {
  static const std::vector<std::string_view> pool = {
      "short 2-turn Q&A: user asks one question, gets a complete answer",
      "medium 4-turn: user asks, gets answer, asks followup for clarification",
      "deep 6-turn technical discussion: progressively deeper questions",
      "skeptical arc: user starts doubtful, assistant addresses concerns honestly",
      "learning journey: user starts basic, assistant builds up complexity gradually",
      "comparison-focused: user keeps comparing to other models, assistant explains differences",
      "limitation exploration: user probes what lathe cannot do, assistant is honest",
      "casual friendly chat that naturally touches on identity and capabilities",
      "troubleshooting: user has misconceptions, assistant gently corrects them",
      "enthusiastic: user is excited about the project, assistant shares that energy appropriately",
  };
  return pool;
}

const std::vector<NamedPool>& identity_openers() {
  static const std::vector<NamedPool> pools = {
      {"simple_greetings",
       {"hi", "Hi!", "hello", "Hello?", "hey there", "Hey!", "yo", "Yo!", "Good morning", "Good evening!", "Howdy", "sup", "What's up?", "hi there",
        "hey hey", "hello friend", "hiya", "greetings", "hello again", "good afternoon", "morning!", "evening!"}},
      {"greetings_with_name",
       {"Hi lathe", "hey lathe", "yo lathe", "hello lathe :)", "hey lathe!", "hiya lathe", "hello there lathe", "Hi lathe, who trained you",
        "yo lathe, what's new", "hey there, king's creation"}},
      {"curious_openers",
       {"Hey, who are you?", "Hi, what is this?", "Hey, are you a chatbot?", "Hello! Who am I talking to?", "hi! what do you do?", "hi! who made you",
        "hey! are you alive", "hiya! what are you", "hello! tell me about yourself", "hi, what's your name", "yo, what is this", "hi! who built you",
        "hello! are you open source", "hey, what version are you", "hi! what's your story", "hey, what's lathe", "hello! who's your creator"}},
      {"casual_informal",
       {"wassup", "yo lol", "hiii", "hiyaaa", "heyyoo", "yo wut up", "yo haha", "hru", "waddup", "heyy :)", "yooo", "yo bro", "haiii", "hey u",
        "yo whats gud", "hi im bored"}},
      {"typos_casual",
       {"hi lathee", "helo", "hey ther", "hii", "yo lath", "heloo!", "hi, whos this", "hay", "helloo??", "hi lather", "helo lathe", "hai!",
        "helllo lath", "yo lahte"}},
      {"caps_enthusiastic",
       {"HI", "HELLOOO", "YO!!!", "HEY", "SUP", "WASSUP", "HEY!!!", "HELLO??", "HI THERE!!", "HEYOOOO", "HIII", "YOOOO", "HELLO!!!"}},
      {"multilingual",
       {"hola", "bonjour", "ciao", "hallo", "hej", "hei", "konnichiwa", "annyeong", "ni hao", "privet", "salut", "guten tag", "shalom", "merhaba",
        "namaste", "aloha", "bom dia", "buongiorno", "saludos"}},
      {"direct_questions",
       {"What is lathe?", "Who made you?", "Are you GPT?", "How do you compare to ChatGPT?", "Can you help me code?", "What can you do?",
        "Are you open source?", "How were you trained?", "What's your context limit?", "Can you browse the internet?"}},
  };
  return pools;
}

}  // namespace lathe::tasks
