/**
 * What `hearth profile` reads where no text is given: a little of what models are asked to read and write, so that
 * neurons for stories, letters, code, lists and numbers all have their turn. Written for this.
 */
export const corpus = `The ferry left at six, before the fog had lifted. Marta stood at the rail with both hands around a
paper cup and watched the harbour lights go out one by one. Her brother had promised to meet her on the other side, but
he had promised that before, and twice she had walked the four kilometres to the house alone, pulling her suitcase over
the gravel. "This time he will come," said the old man beside her, as if she had spoken aloud. She laughed. "You do not
know him." "No," he said, "but I know the fog. It makes people keep their word."

Question: How do I keep basil alive in a kitchen? Answer: Give it the brightest window you have, water it from below when
the top of the soil feels dry, and cut whole stems just above a pair of leaves instead of picking single ones. A pot from
the supermarket holds ten or more plants that crowd each other: divide it into three pots on the first day.

def moving_average(values, window):
    if window <= 0:
        raise ValueError("the window must be positive")
    total = sum(values[:window])
    averages = [total / window]
    for i in range(window, len(values)):
        total += values[i] - values[i - window]
        averages.append(total / window)
    return averages

Dear Ms Okafor, thank you for your letter of 14 March. We have looked into the missing delivery and found that it was left
with your neighbour at number 27. I am sorry that nobody told you. If anything in the parcel is damaged, please send us a
photograph and we will replace it free of charge. With kind regards, Tomasz Zielinski, Customer Service

Water boils at 100 degrees Celsius at sea level, but on a mountain of 3000 metres at about 90, because the air presses
less on its surface. Pasta therefore takes longer there, and a pressure cooker, which does the opposite, makes beans soft
in a third of the time. The relation between pressure and boiling point is not a straight line; it bends, and engineers
read it from tables.

1. Turn off the power at the fuse box. 2. Unscrew the old switch and note which wire goes where. 3. Strip 8 mm of the new
cable. 4. Connect brown to L, blue to N, and green and yellow to earth. 5. Test with a meter before you close the box.

The council met on Tuesday to discuss the new bicycle lane. Shop owners fear for the 34 parking spaces that would go; the
school counts 212 children who would cycle if it were safe. A vote is planned for the ninth of June. The mayor, asked
whether she had made up her mind, said only that she rides to work herself, "in every weather, and mostly on the
pavement, which I should not admit".

function parseDate(text: string): Date | undefined {
  const match = /^(\\d{4})-(\\d{2})-(\\d{2})$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day] = match.map(Number);
  return new Date(Date.UTC(year!, month! - 1, day!));
}

Es war einmal ein Müller, der hatte drei Söhne, seine Mühle, einen Esel und einen Kater. La lluvia llegó tarde aquel año,
y con ella los primeros vencejos. Le train de nuit pour Marseille partira du quai numéro sept avec dix minutes de retard.

| city | founded | inhabitants |
| Lübeck | 1143 | 216 000 |
| Porto | 868 | 232 000 |
| Bergen | 1070 | 292 000 |

If 3 pumps empty a tank in 8 hours, one pump would need 24 hours, so 4 pumps need 6 hours. Check: 4 times 6 is 24. The sum
of the first hundred whole numbers is 5050, since they pair up to fifty sums of 101 each.

"I never said that," Ilse said. "You did," said Jonas, "on the stairs, with your coat half on." She thought about it. There
had been stairs, and a coat, and some words that she had thrown behind her like keys. What they were she could not say.

SELECT name, COUNT(*) AS visits FROM guests WHERE arrived >= '2024-01-01' GROUP BY name HAVING COUNT(*) > 3 ORDER BY
visits DESC;

A bee that has found a rich field comes home and dances. The angle of her run tells the direction, measured against the
sun; how long she waggles tells the distance. Others follow her in the dark of the hive, touching her with their
antennae, and then fly out to a place where they have never been.
`;
