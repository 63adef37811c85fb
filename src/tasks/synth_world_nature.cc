// Facts about animals, plants, colors, weather. The form is explained in synth_world.cc.
#include "tasks/synth_world.h"

namespace lathe::tasks {

const std::string_view kNatureFacts = R"(
@sound
s {A x} says {y}.
s The sound of {a x} is {y}.
s When {a x} wants to be heard, it says {y}.
q What sound does {a x} make?
q What does {a x} say?
r Which animal says {y}?
r Which animal makes the sound {y}?
d cow:moo|dog:woof|cat:meow|sheep:baa|duck:quack|pig:oink|horse:neigh|hen:cluck|owl:hoot|frog:croak|mouse:squeak|bee:buzz|snake:hiss|lion:roar|donkey:hee-haw|crow:caw|rooster:cock-a-doodle-doo
@young
s A young {x} is called {a y}.
s The baby of {a x} is {a y}.
s {A y} is a young {x}.
q What is a young {x} called?
q What is the baby of {a x} called?
r Which animal has a baby called {a y}?
r {A y} grows up to be which animal?
d cow:calf|dog:puppy|cat:kitten|sheep:lamb|duck:duckling|pig:piglet|horse:foal|hen:chick|goat:kid|frog:tadpole|bear:cub|deer:fawn|goose:gosling|kangaroo:joey|swan:cygnet|owl:owlet
@home
s {A x} lives in {a y}.
s The home of {a x} is {a y}.
s If you look for {a x}, look in {a y}.
q Where does {a x} live?
q What is the home of {a x}?
r Which animal lives in {a y}?
d dog:kennel|bird:nest|bee:hive|spider:web|fox:den|rabbit:burrow|horse:stable|cow:barn|pig:sty|bear:cave|hen:coop|ant:anthill|frog:pond|beaver:lodge|snail:shell
@eats
s {A x} eats {y}.
s The favorite food of {a x} is {y}.
s {S x} like to eat {y}.
q What does {a x} eat?
q What do {s x} like to eat?
r Which animal likes to eat {y}?
d cow:grass|rabbit:carrots|squirrel:nuts|panda:bamboo|cat:mice|monkey:bananas|hen:grain|bear:honey|frog:flies|dog:bones|koala:leaves|penguin:fish|woodpecker:beetles|pig:potatoes|hedgehog:snails|caterpillar:cabbage
@legs
s {A x} has {y} legs.
s {S x} have {y} legs.
q How many legs does {a x} have?
q How many legs do {s x} have?
r Which animal has {y} legs?
d cow:four|dog:four|cat:four|horse:four|hen:two|duck:two|owl:two|penguin:two|bee:six|ant:six|beetle:six|butterfly:six|spider:eight|scorpion:eight|snake:no|fish:no|worm:no|frog:four|mouse:four|crab:ten|lobster:ten
@cover
s {A x} is covered with {y}.
s The body of {a x} is covered with {y}.
s {S x} are covered with {y}.
q What covers the body of {a x}?
q What is {a x} covered with?
r Which animal is covered with {y}?
d bear:fur|cat:fur|dog:fur|rabbit:fur|fox:fur|hen:feathers|duck:feathers|owl:feathers|swan:feathers|penguin:feathers|fish:scales|snake:scales|sheep:wool|hedgehog:spines|tortoise:a shell|crab:a shell
@moves
s {A x} can {y}.
s {A x} knows how to {y}.
s It is easy for {a x} to {y}.
q What can {a x} do well?
q What does {a x} know how to do?
d fish:breathe under water|eagle:fly very high|frog:catch flies with its tongue|snake:crawl without legs|horse:gallop over fields|monkey:swing from tree to tree|mole:dig tunnels|spider:spin a web|bee:make honey|beaver:build a dam|parrot:repeat words|owl:see in the dark|cat:land on its feet|kangaroo:carry a baby in its pouch
@color
s {X} is {y}.
s The color of {x} is {y}.
s If you paint {x}, you need {y} paint.
q What color is {x}?
q What is the color of {x}?
r Which of these things is {y}?
r Which of these has the color {y}?
d grass:green|snow:white|coal:black|blood:red|a lemon:yellow|a carrot:orange|milk:white|a ripe tomato:red|the clear sky:blue|a frog:green|chocolate:brown|a crow:black|a banana:yellow|a cucumber:green|an eggplant:purple|a flamingo:pink|a polar bear:white|an elephant:gray|a strawberry:red|a pumpkin:orange|a sunflower:yellow|a fire truck:red|a violet:purple|a pig:pink|an emerald:green|a sapphire:blue|a ruby:red|salt:white|the night sky:black|a mouse:gray|the bark of a tree:brown
@kind_of_animal
s {A x} is a kind of {y}.
s {A x} belongs to the group of {s y}.
s We call {a x} {a y}.
q What kind of animal is {a x}?
q To which group of animals does {a x} belong?
r Which of these animals is {a y}?
r Which of these belongs to the group of {s y}?
d cow:mammal|dog:mammal|cat:mammal|horse:mammal|whale:mammal|bear:mammal|mouse:mammal|hen:bird|duck:bird|owl:bird|crow:bird|penguin:bird|swan:bird|bee:insect|ant:insect|beetle:insect|butterfly:insect|salmon:fish|trout:fish|shark:fish|herring:fish|snake:reptile|lizard:reptile|crocodile:reptile|tortoise:reptile
@plant
s {A x} is {a y}.
s Every {x} is {a y}.
s When you see {a x}, you can say: this is {a y}.
q What is {a x}?
q What group does {a x} belong to?
r Which of these is {a y}?
r Which one of these do we call {a y}?
d apple:fruit|pear:fruit|plum:fruit|cherry:fruit|peach:fruit|grape:fruit|carrot:vegetable|onion:vegetable|cabbage:vegetable|potato:vegetable|turnip:vegetable|rose:flower|tulip:flower|daisy:flower|violet:flower|lily:flower|oak:tree|pine:tree|birch:tree|willow:tree|maple:tree
@season
s You can see {x} in {y}.
s In {y} you can see {x}.
s {Y} is the time for {x}.
q In which season do you see {x}?
q What season is the time for {x}?
r Which of these belongs to {y}?
r What can you see in {y}?
d snow:winter|ice on the lake:winter|a snowman:winter|a sled on the hill:winter|the first flowers:spring|newborn lambs:spring|new leaves on the trees:spring|nests with eggs:spring|children in the lake:summer|ripe cherries:summer|the longest day:summer|falling leaves:autumn|ripe pumpkins:autumn|birds flying south:autumn
@cause
s When {x}, {y}.
s If {x}, then {y}.
s It is always the same: when {x}, {y}.
q What happens when {x}?
q What happens if {x}?
r When does it happen that {y}?
d ice gets warm:it melts|water gets very cold:it turns to ice|water boils:it turns to steam|the sun shines on wet clothes:they dry|it rains for days:the river rises|a glass falls on stone:it breaks|you touch a hot stove:you burn your finger|you plant a seed and give it water:a plant grows|you do not water a flower:it withers|the sun goes down:it gets dark|the sun comes up:it gets light|the wind is strong:the trees bend|you blow out a candle:the flame goes out|you pour oil on water:the oil floats|you put sugar into tea:the tea becomes sweet|you shake a tree full of ripe apples:the apples fall down|you let go of a balloon:it flies away|you forget to wind an old clock:it stops
@taste
s {X} tastes {y}.
s The taste of {x} is {y}.
s If you try {x}, you will find it {y}.
q What does {x} taste like?
q How does {x} taste?
r Which of these tastes {y}?
d honey:sweet|sugar:sweet|candy:sweet|a lemon:sour|vinegar:sour|sea water:salty|bacon:salty|black coffee:bitter|strong tea:bitter|chili pepper:hot|mustard:hot
)";

}  // namespace lathe::tasks
