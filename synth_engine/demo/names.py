"""Word lists for people's names, one `Culture` each. Only words belong here; who gets which is in `customers.py`.

Scripts are mixed on purpose (Latin with diacritics, Greek, Cyrillic, Han), so that
whatever reads the demo has met text beyond ASCII.
"""

from typing import NamedTuple


class Culture(NamedTuple):
    """Given and family names used together; `family_first` where the family name is written first."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool = False


def _culture(female: str, male: str, family: str, *, family_first: bool = False) -> Culture:
    return Culture(tuple(female.split()), tuple(male.split()), tuple(family.split()), family_first)


CULTURES: dict[str, Culture] = {
    "english": _culture(
        "Olivia Emma Charlotte Amelia Sophia Isabella Ava Mia Evelyn Harper Grace Lily Chloe Hannah Abigail Emily "
        "Zoe Nora Ruby Alice Florence Daisy Megan Rebecca Lauren Rachel Heather Joan Dorothy Zadie",
        "Liam Noah Oliver James Elijah William Henry Lucas Benjamin Theodore Jack Samuel Daniel Joseph David Owen "
        "Wyatt George Harry Arthur Callum Ethan Ryan Kevin Brian Gary Walter Clarence Seamus Xavier",
        "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Martin Jackson Thompson "
        "White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Baker Nelson Carter "
        "Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards O'Brien O'Connor Featherstone Blackwood",
    ),
    "german": _culture(
        "Anna Emilia Lea Marie Sophie Lena Johanna Clara Laura Katharina Julia Sabine Petra Monika Ursula Gisela "
        "Käthe Heike Silke Greta Frieda Mathilda Franziska Zoë",
        "Leon Paul Jonas Felix Maximilian Lukas Elias Moritz Jan Tobias Stefan Andreas Jürgen Günther Björn Jörg "
        "Klaus Wolfgang Dieter Uwe Matthias Sebastian Florian Anton Götz",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein "
        "Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Lehmann "
        "Köhler Maier König Huber Kaiser Fuchs Weiß Jäger Großmann Böhm Vögele",
    ),
    "french": _culture(
        "Jade Louise Ambre Alba Emma Rose Alice Romy Anna Chloé Léa Zoé Inès Agathe Juliette Camille Hélène Françoise "
        "Élodie Noémie Aurélie Céline Mireille Brigitte",
        "Gabriel Raphaël Léo Louis Maël Noah Jules Adam Arthur Hugo Théo Étienne François Jérôme Sébastien Frédéric "
        "Benoît Loïc Rémi Guillaume Antoine Olivier Pascal Thierry",
        "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux David "
        "Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefebvre Faure André "
        "Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Perrin",
    ),
    "iberian": _culture(
        "María Lucía Sofía Martina Paula Valeria Julia Carmen Ana Inês Beatriz Mariana Leonor Matilde Catarina Graça "
        "Núria Begoña Rocío Ângela Conceição Fernanda Camila Itziar",
        "Hugo Mateo Martín Lucas Leo Daniel Alejandro Manuel Pablo Álvaro José Jesús Ángel João Pedro Tiago Gonçalo "
        "Luís Afonso Íñigo Joaquín Ramón Sebastião Thiago",
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz "
        "Moreno Muñoz Álvarez Romero Gutiérrez Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa "
        "Fernandes Gonçalves Gomes Lopes Marques Araújo Ribeiro Núñez Ibáñez Peña Castaño Simões",
    ),
    "polish": _culture(
        "Zofia Zuzanna Hanna Julia Maja Laura Oliwia Alicja Małgorzata Agnieszka Katarzyna Joanna Bożena Grażyna Łucja "
        "Elżbieta Żaneta Róża Danuta Halina",
        "Antoni Jan Aleksander Franciszek Jakub Leon Mikołaj Stanisław Paweł Michał Łukasz Grzegorz Krzysztof Wojciech "
        "Zbigniew Sławomir Józef Mieczysław Tadeusz Bartłomiej",
        "Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Kaczmarek Zając Król Wróbel Pawlak Walczak Stępień Sikora Baran "
        "Duda Szewczyk Pietrzak Marciniak Bąk Włodarczyk Kubiak Wilk Lis Mazurek Sobczak Głąb Kołodziej Gołąb",
    ),
    "nordic": _culture(
        "Alma Vera Elsa Astrid Freja Ingrid Sigrid Linnéa Åsa Märta Solveig Guðrún Sigríður Bjørg Maren Kirsten Aino "
        "Päivi Ebba Tuva",
        "Erik Lars Anders Björn Nils Olof Axel Håkan Göran Åke Søren Jørgen Øyvind Bjørn Þór Jón Mikkel Väinö Eero "
        "Torsten",
        "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Lindström Åkesson "
        "Sjöberg Öberg Hansen Johansen Olsen Larsen Jensen Nielsen Sørensen Kjær Bjørnstad Ødegård Korhonen Virtanen "
        "Mäkinen Hämäläinen Jónsson Þorláksson",
    ),
    "indian": _culture(
        "Aadhya Ananya Diya Saanvi Priya Kavya Meera Lakshmi Sunita Neha Pooja Shreya Radha Aishwarya Divya Gita "
        "Indira Padma Rani Usha",
        "Aarav Vivaan Arjun Rohan Vikram Rahul Amit Sanjay Rajesh Suresh Anil Krishna Karthik Harish Manoj Nikhil Dev "
        "Ishaan Varun Yash",
        "Sharma Verma Gupta Singh Patel Kumar Reddy Nair Iyer Menon Das Ghosh Banerjee Mukherjee Chatterjee Joshi "
        "Desai Mehta Shah Rao Naidu Pillai Kapoor Malhotra Chopra Bhatt Kulkarni Deshpande Krishnamurthy Venkataraman",
    ),
    "japanese": _culture(
        "陽葵 凛 結菜 芽依 咲良 美咲 さくら 葵 由美子 恵子 花子 直美 真由美 明美 洋子 幸子 久美子 あかり ひなた 千尋",
        "蓮 陽翔 湊 樹 悠真 大翔 健太 拓也 翔太 大輔 直樹 誠 浩 健一 隆 茂 清 昭 太郎 雄一",
        "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 "
        "清水 山崎 森 池田 橋本 阿部 石川 前田 藤田 小川 後藤 岡田 長谷川 村上 近藤 石井 坂本 遠藤 青木 藤井 西村",
        family_first=True,
    ),
    "chinese": _culture(
        "芳 娜 秀英 敏 静 丽 艳 娟 霞 秀兰 欣怡 雨桐 梓涵 诗涵 佳怡 思雨",
        "伟 强 磊 洋 勇 军 杰 涛 超 明 浩然 子轩 宇航 俊杰 建国 志强",
        "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗 欧阳 司马",
        family_first=True,
    ),
    "greek": _culture(
        "Μαρία Ελένη Κατερίνα Βασιλική Σοφία Αγγελική Γεωργία Δήμητρα Κωνσταντίνα Ιωάννα Άννα Ζωή",
        "Γιώργος Γιάννης Κώστας Δημήτρης Νίκος Παναγιώτης Βασίλης Χρήστος Θανάσης Μιχάλης Ηλίας Ορέστης",
        "Δημητρίου Γεωργίου Ιωάννου Νικολάου Βασιλείου Οικονόμου Χατζή Αλεξίου Αθανασίου Κωνσταντίνου Αγγέλου Μακρή",
    ),
    "ukrainian": _culture(
        "Олена Наталія Ірина Тетяна Оксана Юлія Марія Ганна Софія Дарина Соломія Уляна",
        "Олександр Сергій Андрій Володимир Микола Іван Дмитро Тарас Богдан Ярослав Юрій Максим",
        "Шевченко Бондаренко Коваленко Ткаченко Кравченко Олійник Шевчук Коваль Поліщук Бондар Ткачук Мороз Марченко "
        "Лисенко Руденко Савченко",
    ),
}
