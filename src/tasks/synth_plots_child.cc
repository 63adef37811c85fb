// Stories about children, first part. The form is explained in synth_plots.h.
#include "tasks/synth_plots.h"

namespace lathe::tasks {

const std::string_view kChildPlots = R"(
@lost child
?a lost {thing}
thing = [red kite|silver whistle|blue cap|little drum|green ball|wooden horse|yellow scarf|small lantern|toy boat|brass bell]
first = [in the garden|under {his} bed|behind the stove|in the shed|on the stairs]
second = [at the well|beside the old bridge|in the school yard|along the river|near the market]
spot = [under a bench|in a bush|on a low wall|behind a barrel|in the tall grass|at the foot of a tree]
+ {open}
- More than anything, {he} loved {his} {thing}.
/ {His} [best|dearest] thing was {a thing}, a present from {elder}.
/ {He} owned {a thing} and took it everywhere.
+ One [windy|cold|bright|gray|rainy] [morning|afternoon], the {thing} was gone.
/ One day {he} came home and could not find the {thing}.
/ Then, one [Sunday|Monday|Friday] [morning|evening], {n} saw that the {thing} was missing.
- {He} looked {first}, but it was not there. Then {he} looked {second}, and it was not there either.
/ {He} searched {first} and then {second}, but found nothing except [an old button|a broken cup|two dry leaves].
/ First {he} looked {first}. Nothing. Then {he} ran and looked {second}. Nothing again.
- "I will never see it again," said {n}, and {his} eyes filled with tears.
/ {n} sat down and [felt very sad|wanted to cry|did not know what to do].
/ {He} did not want to give up, but {he} was [tired|close to tears].
+ {His} friend {fn} came by. "What is wrong?" {fhe} asked. {n} told {fhim} about the {thing}.
/ Just then {fn} came along the road. "Why do you look so sad?" asked {fn}. "My {thing} is lost," said {n}.
- "Let us look together," said {fn}. "Four eyes see more than two."
/ "Where did you last have it?" asked {fn}. That was a good question. {n} thought hard.
/ "Then we will search until we find it," said {fn}.
- They walked back the whole way, step by step. At last {fn} saw something {spot}. It was the {thing}!
/ They went slowly along the path {n} had taken the day before. And there, {spot}, lay the {thing}.
/ They asked everyone they met, and a [farmer|baker|postman] said he had seen something {spot}. They ran there, and it was the {thing}!
+ {n} was so happy that {he} [jumped into the air|laughed out loud|hugged {fn}]. "Thank you!" {he} said.
/ "You found it!" cried {n}. {He} [hugged|thanked] {fn} again and again.
- From that day on, {he} always put the {thing} in its place before {he} went to bed.
/ That evening the two friends played with the {thing} until it was dark.
/ And whenever {fn} lost something, {n} was the first to help.

@making child
?how {n} made a {thing}
thing = [kite|bird house|raft|small cart|puppet|lantern|swing|boat]
part = [a long rope|some strong glue|a good hammer|a few nails|a piece of cloth]
first = [fell apart|was much too heavy|broke in two|would not hold together]
+ {open}
- One day {he} [saw|noticed] {a thing} in the [market|town square|next garden], and {he} wanted one too.
/ {He} wanted {a thing}, but {he} had no money to buy one.
- "I will make one myself," said {n}.
/ So {he} decided to make one with {his} own hands.
+ {He} worked all [morning|day|afternoon]. But the first {thing} {first}.
/ {He} found some old boards in the shed and began to work. But soon the {thing} {first}.
/ It was not easy. {He} tried [twice|three times], and each time the {thing} {first}.
- {n} [sighed|frowned] and looked at the pieces. Something was missing.
/ "What am I doing wrong?" {he} asked {himself}.
/ {n} was angry at first. Then {he} looked at the pieces and thought about them.
+ {He} went to {elder} and asked for help. "You need {part}," said {elder}. "I have that here. And you must work slowly."
/ {elder} was passing by and stopped. "It is well made," {ehe} said, "but you need {part}." {n} ran to find it.
- So {n} began again. {He} measured twice, and {he} did not hurry.
/ The next day {he} tried again, slowly and with care, and {elder} held the parts together.
- This time the {thing} held.
/ When the sun went down, the {thing} was ready, and it was better than the one {he} had seen.
/ At last it was done. It was not perfect, but it was strong.
+ {n} showed the {thing} to {fn}. "Did you really make it yourself?" asked {fn}. "I did," said {n}, "but {elder} helped me."
/ All the children came to see it. {fn} asked if {fhe} could learn to make one too, and {n} was glad to show {fhim}.
- {n} had learned that slow work is often the best work.
/ {He} was proud, and {he} kept the {thing} for many years.
/ After that, {he} was never afraid to try something new.

@fear child
?{a kind} who was afraid of {fear}
fear = [the dark|thunder|deep water|the big dog next door|high places|the old mill]
+ {open}
- {He} was [brave in many ways|not afraid of much], but {he} was afraid of {fear}.
/ There was only one thing that frightened {him}, and that was {fear}.
- When the others laughed about it, {n} [went home|looked at the ground|said nothing].
/ {He} told nobody about it, not even {his} friend {fn}.
+ One evening {fn} did not come home. Everybody in {town} began to look for {fhim}.
/ One [autumn|summer|spring] day {fn} ran to {n}. "Please help me," {fhe} said. "My little dog is lost."
- To help, {n} had to face {fear}.
/ {n} wanted to help, but that meant facing {fear}.
- {His} [hands shook|heart beat fast|knees felt weak]. "I cannot do it," {he} thought.
/ {He} stood still for a long moment, and {his} heart beat like a drum.
+ Then {he} remembered the words of {elder}: "Being brave does not mean that you feel no fear. It means that you go on."
/ {elder} took {his} hand. "Take one small step," {ehe} said, "and then one more."
- {n} took a deep breath and went on, one step after another.
/ So {he} counted to three and took the first step. Then {he} took a second one.
- It was not as bad as {he} had thought.
/ With every step, the fear grew smaller.
- Soon {he} heard a [soft cry|small voice|quiet bark]. {n} followed the sound, and everything ended well.
/ After a while {he} found what they were looking for, safe and sound.
+ "You were so brave!" said {fn}. {n} smiled. "I was afraid," {he} said, "but I went on."
/ That night {n} could not stop smiling. {He} had been afraid, and {he} had done it all the same.
- From then on, {fear} did not frighten {him} so much.
/ And when {fn} was afraid of something, {n} took {fhis} hand and told {fhim} to take one small step.

@rescue child
?{a animal} in trouble
animal = [kitten|lamb|puppy|young bird|pony|little goat]
trouble = [stuck in deep mud|caught in a thorn bush|at the bottom of a dry well|on a rock in the middle of the river]
tool = [rope|ladder|long board|blanket]
+ {open}
- One [warm|cold|rainy|quiet] [morning|afternoon], {he} [heard|noticed] a strange sound [near the river|behind the barn|at the edge of the field].
/ On the way [home from school|to the market|to the lake], {he} heard a sound like crying.
- It was {a animal}, {trouble}.
/ {He} went closer and saw {a animal}. It was {trouble}.
+ {n} [reached out as far as {he} could|lay down and stretched out {his} arms], but {his} arms were too short.
/ {n} tried to reach it, but it was too far away, and {he} almost fell.
- "Do not be afraid," {he} said to the {animal}. "I will come back."
/ The {animal} looked at {him} with big eyes. "Wait here," said {n}. "I will get help."
- {He} ran to {town} and found {fn}. "Quick," {he} said, "we need a {tool}!"
/ {He} ran as fast as {he} could to {elder}. "We need a {tool}," {he} called, and {ehe} took one from the shed.
+ They hurried back with the {tool}. It was hard work, but in the end the {animal} was free.
/ With the {tool} it was easier. Little by little, they brought the {animal} to dry ground.
- It was [cold and wet|tired and dirty], so {n} wrapped it in {his} [coat|jacket] and carried it home.
/ {n} gave it [warm milk|some water|a soft place to sleep], and soon it closed its eyes.
+ The next day the {animal} could [stand|walk] again, and it followed {n} everywhere.
/ A farmer came by and said that the {animal} was his. He was so thankful that he let {n} visit it every day.
/ {n} took care of it until it was strong. Then {he} let it go, and {he} waved for a long time.
- "You have a good heart," said {elder}.
/ Since that day the two of them have been friends.
/ And every [spring|morning|Sunday] the {animal} came to {his} door.

@storm child
?a storm and {a thing}
thing = [roof|bridge|fence|barn|mill]
+ {open}
- One night a [great|terrible|wild] storm came over the [hills|sea|mountains]. The wind [howled|roared], and rain beat against the windows.
/ Late one evening the sky turned black. A storm came, and it did not stop until morning.
- In the morning {n} ran outside. The {thing} was broken.
/ When the sun came up, everybody saw that the storm had broken the {thing}.
+ "What shall we do now?" asked {fn}. "Without the {thing} we [cannot work|are in trouble]."
/ The people of {town} stood around and shook their heads. "It will take weeks to mend it," said {elder}.
- {n} tried to lift one of the boards, but it was far too heavy for one {kind}.
/ {n} began to pick up the boards, but {he} soon saw that {he} could not do it alone.
+ Then {he} had an idea. {He} knocked at every door. "If each of us helps for one day," {he} said, "it will be done."
/ "Nobody can mend it alone," said {n}, "but together we can." And {he} went from house to house and asked for help.
- First [three|four|five] people came, then ten, then all of {town}.
/ At first only {fn} came. But then the [baker|teacher|smith] came, and after him many more.
- Some carried wood, some cut it, and some held the nails. {n} brought [water|bread|soup] to everyone.
/ The strong ones carried the wood, and the others worked with hammers and saws. {elder} cooked a big pot of soup.
+ In the evening the {thing} stood again, stronger than before.
/ After two days the work was done. The new {thing} was even better than the old one.
- "It was your idea," {elder} said to {n}, and everyone clapped.
/ They lit a fire, sang songs, and were no longer afraid of the wind.
/ When the next storm came, the {thing} did not move at all.

@quarrel child
?two friends who both wanted {a thing}
thing = [swing|sled|boat|drum|bicycle|ball]
+ {open}
- {His} best friend was {fn}. They did everything together.
/ {He} and {fn} were best friends and [played together every day|went to school together].
+ One day they found an old {thing} [in the barn|behind the school|near the river], and both of them wanted it.
/ One [morning|afternoon] {elder} gave them {a thing}. "It is for both of you," {ehe} said. But each of them wanted to be first.
- "I saw it first!" cried {n}. "But I am older!" cried {fn}.
/ "It is mine," said {n}. "No, it is mine," said {fn}, and they began to shout.
- They pulled at it from both sides until it [fell to the ground|almost broke].
/ In the end they were so angry that they went home without a word.
+ That night {n} could not sleep. What good was {a thing} without a friend?
/ The next day {n} was alone. {He} looked at the {thing}, but it was no fun without {fn}.
- In the morning {he} went to {elder} and asked what to do. "Divide the time," said {elder}, "and the fun will be doubled."
/ {elder} saw {him} and asked what had happened. "When you share a thing," {ehe} said, "you do not lose it. You win a friend."
- {n} thought about this. Then {he} ran to the house of {fn}.
/ {n} knew that {elder} was right.
+ "I am sorry," said {n}. "You can have it first." "I am sorry too," said {fn}. "You can have it in the morning, and I will have it in the evening."
/ "I am sorry that I shouted," said {n}. {fn} smiled. "Let us take turns," {fhe} said.
- So they took turns, and nobody shouted any more.
/ They laughed, and from that day on they took turns.
- The {thing} lasted for [years|many summers], and their friendship lasted even longer.
/ It was the best [summer|autumn|spring] they ever had.

@race child
?a race
kind_of_race = [running race|boat race|sled race|swimming race]
+ {open}
- Every [summer|spring|winter] there was a {kind_of_race} in {town}, and {n} wanted to take part.
/ When {he} heard about the great {kind_of_race}, {he} wanted to win it.
- But {he} was the [smallest|youngest|slowest] of all the children.
/ "You are too small," said {fn}, who had won the year before.
+ So {n} practiced every day, before school and after it.
/ {n} said nothing. {He} got up early every morning and practiced.
- At first {he} was tired after a few minutes. After [two|three|four] weeks {he} felt much stronger.
/ {elder} watched {him}. "Do not look at the others," {ehe} said. "Look at the goal."
+ On the day of the race, all of {town} came to watch. A bell rang, and they were off.
/ At last the great day came. The sun shone, and everybody stood along the way and cheered.
- {fn} was in front from the start. But half way, {fhe} [slipped|fell] and hurt {fhis} foot.
/ {n} was last, then fourth, then second. Only {fn} was in front. Then {fn} cried out. {FHe} had hurt {fhis} foot.
- {n} could have won now. But {he} stopped, turned around and helped {fn} to stand up.
/ This was the chance! But {n} could not leave {fhim} there. {He} stopped and gave {fhim} {his} hand.
+ They reached the end together, as the very last, and everyone [cheered|clapped] louder than before.
/ So neither of them won. But the people of {town} cheered for them more than for the winner.
- "You are faster than I am," said {fn}, "and you are a better friend, too."
/ "Next year we will practice together," said {fn}, and so they did.
/ {elder} gave {n} a small wooden medal. "For the best heart," it said.

@garden child
?{a kind} who grew {plant}
plant = [a pumpkin|a sunflower|an apple tree|a bean plant|a rose bush|a melon]
+ {open}
- In spring {elder} gave {him} a single seed. "Put it into the ground," {ehe} said, "and be patient."
/ One day {he} found a seed in {his} pocket. {He} planted it beside the house.
- Every morning {n} looked at the place, but nothing happened.
/ {n} waited one week, and then another. Nothing came out of the ground.
+ "Perhaps it is a bad seed," said {fn}.
/ "I think the birds ate it," said {fn}.
- Then came a dry time. For many days there was no rain, and the ground was hard like stone.
/ The summer was hot, and it did not rain for weeks. All the gardens turned brown.
- {n} did not give up. Each evening {he} carried water from the [well|river|lake], one bucket after the other.
/ But {n} went to the well every morning and every evening and carried water to {his} seed.
+ And then, one morning, there was a small green leaf.
/ One morning {he} saw something green. "It is growing!" {he} cried.
- It grew and grew, and by the end of the summer {n} had {plant} that everyone came to see.
/ Day by day it became bigger. By autumn it was {plant}, the finest in {town}.
+ "How did you do it?" asked {fn}. "I gave it water," said {n}, "and I waited."
/ {n} shared it with everybody in the street, and {he} kept one seed for the next spring.
- {elder} smiled and said nothing.
/ The next year {he} gave a seed to {fn}, and they waited together.

@astray child
?{a kind} who lost the way
place = [forest|hills|mountains|fog]
goal = [mushrooms|berries|wild flowers|dry wood]
guide = [the stream|the evening star|the sound of a bell|the smoke of a chimney]
+ {open}
- One [autumn|summer|spring] day {he} went out to gather {goal}.
/ {His} mother sent {him} out to gather {goal}. "Be back before dark," she said.
- {He} [walked from one place to the next|went farther and farther] and did not watch the path.
/ There were so many that {he} forgot the time.
+ When {he} wanted to go home, every path looked the same. {n} was lost in the {place}.
/ Then the light began to fade, and {n} did not know where {he} was. All {he} could see was the {place}.
- {He} called as loud as {he} could, but nobody answered.
/ {He} ran to the left and then to the right, but it only made things worse.
- {He} sat down on a [stone|log] and told {himself} to be calm.
/ "If I run around, I will only get tired," {he} thought. So {he} sat down and listened.
+ Then {he} remembered what {elder} had said: "When you are lost, follow {guide}."
/ After a while {he} noticed {guide}. "{elder} told me about that," {he} thought.
- So {he} followed {guide}, step by step, until {he} saw a light.
/ {n} got up and followed {guide}. It was a long way, but at last {he} saw a small light between the trees.
- It was {fn} with a lantern! {FHe} had been looking for {him} all evening.
/ The light was a lantern, and the one who held it was {fn}. "I was so worried!" {fhe} said.
+ At home there was hot soup, and {n} told the whole story.
/ They walked home together, and {n} held {fhis} hand all the way.
- From then on, {he} put a small stone at every turn of the path.
/ After that {he} never went out without telling someone where {he} was going.
)";

}  // namespace lathe::tasks
