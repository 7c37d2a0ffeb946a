//! Ten thousand random operations against a plain model: whose unread counts are right after each.

use std::collections::{BTreeMap, BTreeSet};

use crier_domain::{
    Role,
    service::{
        ObjectId,
        chat::{Actor, Chat, Dialect, Party, Shelf},
    },
};
use proptest::prelude::*;

use super::house::{House, done, of_role, support_of, user};

const SHELVES: [Shelf; 3] = [Shelf::Direct, Shelf::Group, Shelf::Support];

/// One operation; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    Send { who: usize, chat: usize },
    ReadSome { who: usize, chat: usize, picks: Vec<usize> },
    ReadAll { who: usize, chat: usize },
    Delete { who: usize, chat: usize, pick: usize },
    Edit { who: usize, chat: usize, pick: usize },
    Archive { who: usize, chat: usize },
    Add { who: usize, whom: usize },
    Remove { who: usize, whom: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let (who, chat, pick) = (0..5_usize, 0..3_usize, any::<usize>());
    prop_oneof![
        6 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Op::Send { who, chat }),
        3 => (who.clone(), chat.clone(), prop::collection::vec(any::<usize>(), 1..5))
            .prop_map(|(who, chat, picks)| Op::ReadSome { who, chat, picks }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Op::ReadAll { who, chat }),
        3 => (who.clone(), chat.clone(), pick)
            .prop_map(|(who, chat, pick)| Op::Delete { who, chat, pick }),
        1 => (who.clone(), chat.clone(), pick)
            .prop_map(|(who, chat, pick)| Op::Edit { who, chat, pick }),
        1 => (who.clone(), chat).prop_map(|(who, chat)| Op::Archive { who, chat }),
        1 => (who.clone(), who.clone()).prop_map(|(who, whom)| Op::Add { who, whom }),
        1 => (who.clone(), who).prop_map(|(who, whom)| Op::Remove { who, whom }),
    ]
}

/// What a chat should be.
struct Model {
    chat: Chat,
    messages: Vec<Sent>,
    members: BTreeMap<Party, Mine>,
}

struct Sent {
    id: ObjectId,
    sender: Party,
    deleted: bool,
}

#[derive(Default)]
struct Mine {
    unread: BTreeSet<usize>,
    archived: bool,
}

impl Model {
    /// As whom somebody is in it.
    fn part(&self, who: &Actor) -> Option<Party> {
        let pool = (who.role == Role::Agent).then_some(Party::Support);
        [Some(who.party.clone()), pool]
            .into_iter()
            .flatten()
            .find(|party| self.members.contains_key(party))
    }
}

/// Does it in both; the service refuses whatever the model has no room for.
async fn act(house: &House, actors: &[Actor], models: &mut [Model], op: &Op) {
    let chats = &house.services.chat;
    let voice = &house.voice;
    let group = 1;
    match *op {
        Op::Send { who, chat } => {
            let (who, model) = (&actors[who], &mut models[chat]);
            let sent = house.try_say(who, &model.chat, super::house::draft("x")).await;
            let Some(part) = model.part(who) else { return assert!(sent.is_err()) };
            let number = model.messages.len();
            let id = sent.unwrap().id;
            model.messages.push(Sent { id, sender: who.party.clone(), deleted: false });
            for (_, mine) in model.members.iter_mut().filter(|(party, _)| **party != part) {
                mine.unread.insert(number);
            }
        }
        Op::ReadSome { who, chat, ref picks } => {
            let (who, model) = (&actors[who], &mut models[chat]);
            let total = model.messages.len();
            let picks: Vec<usize> =
                if total == 0 { return } else { picks.iter().map(|p| p % total).collect() };
            let ids: Vec<_> = picks.iter().map(|pick| model.messages[*pick].id).collect();
            let read = chats.read(voice, who, model.chat.id, &ids).await;
            let Some(part) = model.part(who) else { return assert!(read.is_err()) };
            let mine = model.members.get_mut(&part).unwrap();
            let count = picks.iter().filter(|pick| mine.unread.remove(pick)).count();
            assert_eq!(read.unwrap().count, count as u64);
        }
        Op::ReadAll { who, chat } => {
            let (who, model) = (&actors[who], &mut models[chat]);
            let read = chats.read(voice, who, model.chat.id, &[]).await;
            let Some(part) = model.part(who) else { return assert!(read.is_err()) };
            let mine = std::mem::take(&mut model.members.get_mut(&part).unwrap().unread);
            assert_eq!(read.unwrap().count, mine.len() as u64);
        }
        Op::Delete { who, chat, pick } | Op::Edit { who, chat, pick } => {
            let (who, model) = (&actors[who], &mut models[chat]);
            if model.messages.is_empty() {
                return;
            }
            let number = pick % model.messages.len();
            let (is_in, sent) = (model.part(who).is_some(), &mut model.messages[number]);
            let may = is_in && sent.sender == who.party;
            if matches!(op, Op::Edit { .. }) {
                let edited = chats.edit(voice, who, model.chat.id, sent.id, "y").await;
                return assert_eq!(edited.is_ok(), may && !sent.deleted);
            }
            let deleted = chats.delete(voice, who, model.chat.id, sent.id).await;
            assert_eq!(deleted.is_ok(), may);
            if may {
                sent.deleted = true;
                model.members.values_mut().for_each(|mine| _ = mine.unread.remove(&number));
            }
        }
        Op::Archive { who, chat } => {
            let (who, model) = (&actors[who], &mut models[chat]);
            let archived = chats.archive(Dialect::Marketplace, who, model.chat.id).await;
            let Some(part) = model.part(who) else { return assert!(archived.is_err()) };
            let mine = model.members.get_mut(&part).unwrap();
            mine.archived = !mine.archived;
            assert_eq!(archived.unwrap(), mine.archived);
        }
        Op::Add { who, whom } => {
            let (who, whom, model) = (&actors[who], &actors[whom].party, &mut models[group]);
            let added = chats.add(voice, who, model.chat.id, whom.clone()).await;
            let may = who.party == model.chat.creator && model.part(who).is_some();
            assert_eq!(added.is_ok(), may);
            if may {
                model.members.entry(whom.clone()).or_default();
            }
        }
        Op::Remove { who, whom } => {
            let (who, whom, model) = (&actors[who], &actors[whom].party, &mut models[group]);
            let removed = chats.remove(voice, who, model.chat.id, whom).await;
            let may = (who.party == model.chat.creator || who.party == *whom)
                && model.part(who).is_some()
                && model.members.contains_key(whom);
            assert_eq!(removed.is_ok(), may);
            if may {
                model.members.remove(whom);
            }
        }
    }
}

/// Counts each time; `thoroughly`, which messages they are, and everybody's figures.
async fn compare(house: &House, actors: &[Actor], models: &[Model], thoroughly: bool) {
    let chats = &house.services.chat;
    for model in models {
        let admin = of_role("root", Role::Admin);
        let looker = actors.iter().find(|actor| model.part(actor).is_some()).unwrap_or(&admin);
        let Ok(chat) = chats.get(Dialect::Marketplace, looker, model.chat.id).await else {
            // Nobody is left in it, and an admin is no member of a group either.
            assert!(model.members.is_empty());
            continue;
        };
        let are: BTreeMap<_, _> =
            chat.members.iter().map(|m| (m.party.clone(), (m.unread, m.archived))).collect();
        let should = model.members.iter();
        let should: BTreeMap<_, _> = should
            .map(|(party, mine)| (party.clone(), (mine.unread.len() as u64, mine.archived)))
            .collect();
        assert_eq!(are, should);
        for (party, mine) in model.members.iter().filter(|_| thoroughly) {
            let mut unread = chats.unread(&chat, party, usize::MAX).await.unwrap();
            unread.reverse();
            let ids: Vec<_> = unread.iter().map(|message| message.id).collect();
            let should: Vec<_> = mine.unread.iter().map(|n| model.messages[*n].id).collect();
            assert_eq!(ids, should);
        }
    }
    for actor in actors.iter().filter(|_| thoroughly) {
        let mine = models.iter().filter_map(|model| Some((model, model.part(actor)?)));
        let (mut chats_len, mut messages, mut unread) = (0, 0, 0);
        for (model, part) in mine {
            chats_len += 1;
            messages += model.messages.len() as u64;
            unread += model.members[&part].unread.len() as u64;
        }
        let stats = chats.stats(Dialect::Marketplace, actor, &SHELVES).await.unwrap();
        assert_eq!((stats.chats, stats.messages, stats.unread), (chats_len, messages, unread));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    // 20 runs of 500.
    #[test]
    fn unread_counts_are_right_after_each_of_ten_thousand_operations(
        ops in prop::collection::vec(op(), 500),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let house = House::open();
            let mut actors: Vec<_> = ["a", "b", "c", "d"].map(user).into();
            actors.push(of_role("agent", Role::Agent));
            let support = house.services.chat.open(
                &house.voice, &actors[0], support_of(&actors[0]), None, None,
            );
            let chats = [
                house.direct(&actors[0], &actors[1]).await,
                house.group(&[&actors[0], &actors[1], &actors[2]]).await,
                done(support.await).unwrap().chat,
            ];
            let mut models: Vec<Model> = chats
                .into_iter()
                .map(|chat| {
                    let members = chat.members.iter();
                    let members = members.map(|m| (m.party.clone(), Mine::default())).collect();
                    Model { chat, messages: Vec::new(), members }
                })
                .collect();
            for (step, op) in ops.iter().enumerate() {
                act(&house, &actors, &mut models, op).await;
                compare(&house, &actors, &models, step % 10 == 9).await;
            }
        });
    }
}
