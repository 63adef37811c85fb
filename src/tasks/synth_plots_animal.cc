// Stories about speaking animals. The form is explained in synth_plots.h.
#include "tasks/synth_plots.h"

namespace lathe::tasks {

const std::string_view kAnimalPlots = R"(
@winter animal
?{a kind} who forgot the winter
food = [nuts|seeds|berries|apples|roots]
+ {open}
- All summer {he} [lay in the sun|sang and danced|slept in the warm grass], while the others gathered {food}.
/ It was a long, warm summer, and {n} did nothing but play.
- "Winter will come," said {fn} the {fkind}. "Winter is far away," said {n}.
/ {His} neighbor, {fn} the {fkind}, worked from morning to evening. "You should gather {food} too," {fhe} said. {n} only laughed.
+ Then the leaves fell, and one morning the whole world was white.
/ But the days grew short, and one night the snow came.
- {n} looked for {food} everywhere, but everything lay under the snow. {He} was cold and hungry.
/ Now {n} was hungry. {He} dug in the snow with cold paws and found only [ice|stones|dry leaves].
+ At last {he} went to {fn} and knocked. "I was foolish," {he} said. "Could you give me a little?"
/ {He} did not want to ask for help, but after three days {he} knocked at the door of {fn}.
- {fn} looked at {him} for a moment. Then {fhe} opened the door wide. "Come in," {fhe} said. "There is enough for two."
/ "I told you so," said {fn}, but {fhe} gave {him} a big plate of {food} and a place beside the fire.
- All winter {n} helped in the house and told funny stories, and they had a good time.
/ In return {n} sang for {fhim} every evening, and the winter went by quickly.
+ The next summer, {n} was the first to gather {food}.
/ When summer came again, the two of them gathered {food} side by side, and {n} sang while they worked.
- {He} had learned that there is a time to play and a time to work.
/ "Winter will come," {he} told the young ones, and {he} winked at {fn}.

@small animal
?a small {kind} who helped a big animal
big = [bear|horse|deer|lion|ox]
trap = [a net|a deep hole|a thorn bush|a rope]
way = [bit through the thick knots one by one|pulled out the thorns one by one|dug away the earth with quick little paws|showed him a safe way out]
+ {open}
- One day {he} met a big {big}. "You are so small," said the {big}, "what are you good for?"
/ In the same wood lived a big {big}, who laughed at everyone smaller than himself.
- {n} [said nothing|only smiled|was a little hurt] and went on {his} way.
/ "Small ones can do big things," said {n}, but the {big} only laughed.
+ Some days later there was a loud cry in the wood. The {big} was caught in {trap}.
/ Then one morning {n} heard somebody crying for help. It was the {big}. He was caught in {trap}.
- He pulled and kicked, but the harder he pulled, the worse it became.
/ All his strength did not help him.
- "Hold still," said {n}. And {he} {way}.
/ {n} came closer. "Do not move," {he} said. Then {he} {way}.
- It took [an hour|the whole day|half the night], but then the {big} was free.
/ {fn} the {fkind} came to help as well, and at last the {big} was free.
+ The {big} hung his head. "I laughed at you," he said, "and you helped me all the same."
/ "Forgive me," said the {big}. "Now I know what you are good for."
- From that day on, nobody in the wood laughed at {n}, and the {big} was {his} friend.
/ Since then the two of them can be seen together, the biggest and the smallest of the wood.

@far animal
?{a kind} who wanted to see {goal}
goal = [the sea|the top of the mountain|the end of the rainbow|the big city|the place where the sun comes up]
found = [shiny stone|blue feather|round shell|golden leaf]
+ {open}
- All {his} life {he} had dreamed of seeing {goal}.
/ A swallow once told {him} about {goal}, and since then {he} could think of nothing else.
- "It is much too far," said the others.
/ "Stay at home," said the neighbors. "It is dangerous."
+ But one morning {n} packed [some bread|a few nuts|an apple] and set out.
/ One fine day {he} left {his} home and started to walk.
- The way was long. {He} crossed [two rivers|a wide field|three hills], and {his} feet hurt.
/ On the first day it rained. On the second day {he} lost {his} way. On the third day {he} wanted to turn back.
- On the road {he} met {fn}, {a fkind}. "Where are you going?" asked {fn}. "To see {goal}," said {n}. "Then I will come with you," said {fn}.
/ There {he} met {a fkind} named {fn}, who was going the same way. Together the road seemed shorter.
+ And at last, early one morning, they stood there. It was more beautiful than {n} had ever dreamed.
/ After many days they arrived. For a long time they stood side by side and said nothing.
- {n} took {a found} as a memory.
/ On the ground {n} found {a found} and put it into {his} bag.
- Then {he} said: "Now I want to go home and tell the others."
/ "It was worth every step," said {n}. And then {he} was glad to go home.
+ At home everyone wanted to hear the story, and {n} told it again and again.
/ Back home {he} showed the {found} to everybody. And some of the young ones began to dream as well.
- {fn} stayed in the neighborhood, and the two were friends for life.
/ But the best thing {he} had found on the way was {his} friend {fn}.

@share animal
?two animals and {a food}
food = [piece of cheese|big pear|honey cake|basket of berries|loaf of bread]
+ {open}
- One [sunny|misty|cool] morning {he} found {a food} on the path.
/ One day {he} found {a food} beside the road. What luck!
- At the same moment {fn} the {fkind} came from the other side. "That is mine," said {fn}. "I smelled it first."
/ But {fn} the {fkind} had seen it too. "It is mine," {fhe} said.
+ They quarreled so loudly that a fox came by. "Let me divide it for you," said the fox.
/ They shouted at each other. A sly fox heard them and came closer. "I will help you to divide it fairly," he said.
- He broke it in two. "Oh, this half is bigger," he said, and took a bite. "Now the other one is bigger." And he took another bite.
/ The fox cut it into two parts. One part was bigger, so he ate a little from it. Then the other part was bigger, so he ate from that one.
- So it went on, until almost nothing was left.
/ In the end only a few crumbs were left, and the fox went away with a full stomach.
+ {n} and {fn} looked at each other. "How foolish we were," said {n}.
/ "If we had shared, each of us would have had half," said {fn}.
- The next time they found something good, they shared it at once, without a word and without a fox.
/ They ate the last crumbs together, and they promised never to quarrel again.

@fly animal
?{a kind} who tried to fly
wing = [two big leaves|a pair of goose feathers|an old umbrella|a paper bag]
+ {open}
- {He} often watched the birds. "I want to fly too," {he} said.
/ {His} greatest wish was to fly like a bird.
- "{A kind} cannot fly," said {fn} the {fkind}. But {n} did not listen.
/ Everybody laughed, even {his} friend {fn} the {fkind}.
+ {He} took {wing}, climbed up a low wall and jumped. Plop! {He} landed in a puddle.
/ With {wing} {he} climbed on a tree stump, counted to three and jumped. {He} fell into a bush.
- The next day {he} tried it from a higher place and hurt {his} [foot|nose|ear].
/ {He} tried again and again, and all {he} got was a sore nose.
- {n} sat in the grass and was sad. A [crane|stork|wild goose] had watched {him}. "Why do you want to fly?" she asked. "To see the world from above," said {n}.
/ In the evening a big [crane|stork|wild goose] came down beside {him}. "I saw you," she said. "You are very brave. What do you want to see up there?" "Everything!" said {n}.
+ "Then hold on tight," said the bird, and {n} climbed on her back.
/ The bird bent down. "Climb on my back," she said.
- Up they went, over the trees, over the river and over the hill. {n} saw {his} home, small as a nut.
/ They flew over the wood and over the fields. Far below stood {fn}, and {fhis} mouth was wide open.
+ When they were back on the ground, {n} [danced for joy|could not speak]. {He} had flown after all.
/ It was already dark when they landed. "Thank you," whispered {n}. "I will never forget this."
- You cannot do everything alone, but with a friend you can do a lot.
/ "You see," {he} said to {fn}, "you only need the right friends."

@night animal
?{a kind} who could not sleep
trick = [count the stars|listen to the river|think of three good things|breathe very slowly]
+ {open}
- One night {he} could not sleep. {He} turned to the left and to the right, but sleep did not come.
/ Every evening {he} went to bed early, but one night {he} lay awake and looked at the moon.
- So {he} got up and went for a walk in the dark.
/ After an hour {he} got up again and went outside.
+ On the path {he} met {fn} the {fkind}. "Why are you awake?" asked {fn}. "I cannot sleep," said {n}.
/ {fn} the {fkind} was sitting under a tree. "Can you not sleep either?" {fhe} asked.
- "Drink some warm milk," said {fn}. {n} drank warm milk, but {he} was still awake.
/ "Run around the tree three times," said {fn}. {n} ran around the tree three times. Now {he} was more awake than before.
- "Then {trick}," said {fn}. "That always helps me."
/ "Then there is only one thing left," said {fn}. "You must {trick}."
+ They lay down side by side in the soft grass. {n} did what {fn} had said.
/ So {n} lay down, closed {his} eyes and did it.
- After a while there was a soft sound. {fn} was asleep! And a moment later {n} was asleep too.
/ Before {he} could say another word, {he} was fast asleep.
+ When the sun came up, the two of them were still sleeping.
/ They slept until noon, and the other animals walked past on quiet feet.
- Since then, {n} always knows what to do when sleep does not come.
/ "It works," said {n} in the morning, and {he} stretched {his} legs.
)";

}  // namespace lathe::tasks
