// Stories about children, second part. The form is explained in synth_plots.h.
#include "tasks/synth_plots.h"

namespace lathe::tasks {

const std::string_view kMoreChildPlots = R"(
@present child
?a birthday present
who = [mother|father|sister|brother|grandmother]
whose = {his} {who}'s birthday
gift = [a song|a picture|a wooden spoon|a crown of flowers|a little book of drawings|a warm scarf]
+ {open}
- It was the day before {whose}, and {n} had no present.
/ Soon it was {whose}. {n} wanted to give something special.
- {He} had only [two|three|five] coins, and everything in the shop cost more.
/ {He} looked into every shop window, but {he} did not have enough money for anything.
+ {n} asked {fn} for advice. "What can you do well?" asked {fn}.
/ {n} walked home slowly. At the corner {he} met {fn} and told {fhim} about it. "Then make something," said {fn}.
- {n} had never thought about it that way.
/ "Make something?" said {n}. "But what?" Then {he} had an idea.
- That evening {he} closed the door of {his} room and worked on {gift}.
/ {He} worked until late at night, and the result was {gift}.
- It did not go well at first, and {he} had to begin again [twice|three times].
/ Once {he} almost gave up, but then it began to look right.
+ The next morning {n} gave {his} {who} the present: {gift}.
/ In the morning {his} hands shook a little when {he} gave away {his} present. It was {gift}.
- "It is the best present I have ever had," said {his} {who}, and {n} could see that it was true.
/ There was a moment of silence. Then {his} {who} hugged {him} and would not let go.
- A present does not need to cost much.
/ {n} kept {his} coins, and {he} bought two sweet rolls with them, one for {himself} and one for {fn}.
/ {fn} winked at {him} through the window.

@truth child
?a broken {thing}
thing = [cup|vase|mirror|plate|lamp|clock]
owner = [mother|father|grandmother|grandfather|aunt]
+ {open}
- One day {he} played with a ball in the house, although {he} knew that it was not allowed.
/ One rainy afternoon {he} and {fn} were running through the house.
- There was a crash. {His} {owner}'s {thing} lay in pieces on the floor.
/ {n} did not see {his} {owner}'s {thing}. It fell, and it broke.
+ {n} was frightened. {He} picked up the pieces and hid them [under the bed|behind the stove|in a box].
/ "Nobody saw it," whispered {fn}. "You can say it was the cat." So they hid the pieces.
- But all evening {he} could think of nothing else. Even {his} favorite soup had no taste.
/ At supper {he} did not eat, and at night {he} did not sleep.
- "Where is my {thing}?" asked {his} {owner} the next day. {n} turned red.
/ The next day {his} {owner} looked everywhere for the {thing}. {n} could not bear it any longer.
+ "I broke it," {he} said at last. "I am very sorry."
/ {He} fetched the pieces. "It was me," {he} said in a small voice, "and it was not the cat."
- {His} {owner} was quiet for a while. "A {thing} can be mended," came the answer. "I am glad that you told me the truth."
/ {His} {owner} looked at the pieces and then at {him}. "It takes courage to say that," came the answer.
+ They sat down together with a pot of glue. In the evening the {thing} stood in its old place, with a few thin lines.
/ {n} worked for [two|three] weeks, carrying water and chopping wood, until there was enough money for a new {thing}.
- Whenever {n} looked at it, {he} remembered how light {his} heart had felt.
/ And {n} slept well that night.

@skill child
?{a kind} who learned to {skill}
skill = [swim|ride a horse|play the flute|read|skate|row a boat|bake bread|ride a bicycle]
+ {open}
- There was one thing {he} could not do: {he} could not {skill}.
/ More than anything, {n} wanted to learn to {skill}.
- {fn} could do it well, and {n} watched {fhim} with big eyes.
/ All {his} friends had learned it long ago.
+ "Will you teach me?" {n} asked {elder}. "Gladly," said {elder}, "but you will need patience."
/ {elder} saw how much {he} wanted it. "Come tomorrow at seven," {ehe} said, "and we will begin."
- The first day was terrible. Everything went wrong, and {n} wanted to go home.
/ It looked so easy when others did it! But {n} made one mistake after another.
- "Again," said {elder}. "Every master was once a beginner."
/ "I will never learn it," said {n}. "You have not learned it yet," said {elder}. "That is something else."
+ So {he} tried again, the next day and the day after that.
/ {n} came back every day, in rain and in sunshine.
- Slowly it became easier, and one morning {he} noticed that {he} was not afraid any more.
/ After [ten days|three weeks|a month] something changed. All at once it worked.
+ At the end of the [summer|month|year], {n} could {skill} as well as {fn}.
/ "Look at me!" cried {n}. {He} could really {skill}, and {fn} clapped {fhis} hands.
- "Thank you for not giving up," said {n}. "It was you who did not give up," said {elder}.
/ And when a smaller child asked for help, {n} said: "Gladly. But you will need patience."

@errand child
?{a kind} who carried {a load} to {elder}
load = [letter|bottle of medicine|basket of bread|pot of soup|warm blanket]
obstacle = [the bridge was gone|deep snow lay on the road|a fallen tree lay across the path|the river was high]
way = [a shepherd showed {him} another path|{he} found an old path through the trees|a farmer let {him} ride on his cart]
+ {open}
- One [cold|gray|windy] morning {his} mother gave {him} {a load}. "Please take it to {elder}," she said. "It is important."
/ {elder} lived on the other side of the hill and was ill. So {n} set out with {a load}.
- The way was long, and {n} [sang|whistled] so that {he} would not feel alone.
/ {n} put on {his} boots and walked fast, for the way was long.
+ But half way {he} had to stop, because {obstacle}.
/ After an hour {he} saw that {obstacle}. What now?
- {He} thought of going home. Then {he} thought of {elder}, who was waiting.
/ "I cannot turn back," said {n}. "{elder} needs this today."
- In the end {way}.
/ {He} looked to the left and to the right, and at last {way}.
+ It was almost dark when {he} knocked at the door. {elder} could not believe it. "You came, in this weather!" {ehe} said.
/ When {n} arrived, {his} feet were wet and {his} hands were cold, but the {load} was safe.
- {elder} put another log on the fire, and they drank hot tea.
/ {elder} made {him} sit beside the fire and gave {him} a big piece of cake.
- The next morning {n}'s mother and {fn} came to bring {him} home. They were very proud.
/ {n} stayed the night. In the morning the sun was shining, and {elder} already felt better.

@noise child
?a strange noise at night
noise = [a scratching sound|a soft tapping|a low humming|a strange rustling]
place = [behind the wall|under the roof|in the cellar|in the old cupboard]
cause = [a hedgehog that had made a bed of leaves|a small owl that had lost its way|a cat with four kittens|a branch that moved in the wind|a mouse with a nut]
+ {open}
- One night {he} woke up. There was {noise} {place}.
/ It was past midnight when {n} heard {noise}. It came from somewhere {place}.
- {He} pulled the blanket over {his} head and waited. It did not stop.
/ {n} held {his} breath. There it was again.
+ In the morning {he} told {fn} about it. "A ghost!" said {fn}, and {fhe} laughed, but not very loud.
/ "There are no ghosts," said {elder} the next morning. "Everything has a cause. Go and find it."
- So that night the two friends stayed awake with a lantern.
/ {n} and {fn} made a plan. The next night they sat side by side and waited.
- It was quiet for a long time. Then they heard {noise} again.
/ The clock struck twelve. And then it began.
+ Hand in hand they went closer, step by step. {n} lifted the lantern and looked.
/ "Now," whispered {n}. {He} lifted the lantern.
- It was {cause}!
/ And what did they see? It was {cause}.
- They had to laugh so hard that the whole house woke up.
/ "So you are our ghost," said {n}, and both of them laughed.
+ After that, {n} was never afraid of the night again.
/ From that night on, when {he} heard a strange sound, {he} said to {himself}: "Everything has a cause."
/ {elder} was right, as always.

@saving child
?{a kind} who saved money for {a thing}
thing = [flute|telescope|pair of skates|big book|paint box|violin]
job = [washing windows|carrying water|feeding hens|picking apples|sweeping the yard]
+ {open}
- In the window of a shop in {town} there was {a thing}, and every day {n} stopped to look at it.
/ {He} had seen {a thing} in a shop, and now {he} could think of nothing else.
- But it cost [twenty|thirty|forty] coins, and {n} had only [two|three|four].
/ It was far too expensive for {him}.
+ So {he} asked {elder} for work and earned a few coins by {job}.
/ "You can earn it," said {elder}. So every day after school {n} earned a little by {job}.
- Week after week {he} put the coins into a jar, until it was almost full.
/ It was slow, but the jar grew heavier from week to week.
+ One day {he} met {fn}, who was crying. {FHe} had lost the money for the [rent|bread|doctor], and {fhis} mother was ill.
/ Then {fn} came to {him} with a sad face. {FHis} [cow|goat] had run away, and there was no money for milk.
- {n} thought of the {thing} for a moment. Then {he} gave {fhim} the whole jar.
/ {n} went home and looked at the jar for a long time. Then {he} took it and gave it to {fn}.
+ The next week the {thing} was gone from the window. {n} was sad, but {he} was not sorry.
/ When {he} came past the shop again, somebody had bought the {thing}.
- But on {his} birthday a parcel lay on the table. {elder} had heard what {n} had done. In the parcel was the {thing}.
/ A few days later {elder} knocked at the door with something behind {ehis} back. It was the {thing}! "For a good friend," {ehe} said.
- {n} could not say a word.
/ {n} and {fn} [played|used it] together all [winter|summer].
)";

}  // namespace lathe::tasks
