//! The regulars of the demonstration: name and address.

pub(super) const PEOPLE: [(&str, &str); 20] = [
    ("Ana Souza", "ana.souza@example.com"),
    ("Bruno Carvalho", "bruno.carvalho@example.com"),
    ("Camila Ferreira", "camila.ferreira@example.com"),
    ("Diego Nascimento", "diego.nascimento@example.com"),
    ("Eduarda Lima", "eduarda.lima@example.com"),
    ("Felipe Araújo", "felipe.araujo@example.com"),
    ("Gabriela Rocha", "gabriela.rocha@example.com"),
    ("Henrique Barbosa", "henrique.barbosa@example.com"),
    ("Isabela Martins", "isabela.martins@example.com"),
    ("João Pedro Alves", "joao.alves@example.com"),
    ("Karina Ribeiro", "karina.ribeiro@example.com"),
    ("Lucas Gonçalves", "lucas.goncalves@example.com"),
    ("Mariana Teixeira", "mariana.teixeira@example.com"),
    ("Nicolas Cardoso", "nicolas.cardoso@example.com"),
    ("Olívia Mendes", "olivia.mendes@example.com"),
    ("Paulo Henrique Dias", "paulo.dias@example.com"),
    ("Rafaela Moreira", "rafaela.moreira@example.com"),
    ("Sérgio Batista", "sergio.batista@example.com"),
    ("Tatiane Freitas", "tatiane.freitas@example.com"),
    ("Vinícius Azevedo", "vinicius.azevedo@example.com"),
];
