//! The scenarios that the model of a server is to pass as real servers do.

use std::sync::LazyLock;

use kinto_protocol::testing::MemoryServer;
use kinto_tests::Stub;

use crate::context::Kinto;
use crate::driver::Driver;

/// Runs a scenario on a model of its own.
pub(crate) fn run<D: Driver>(scenario: fn(&Kinto<D>)) {
    static SERVED: LazyLock<Stub> = LazyLock::new(|| Stub::serving(MemoryServer::new()));
    static SMALL: LazyLock<Stub> = LazyLock::new(|| Stub::serving(MemoryServer::new().page_size(3)));
    scenario(&Kinto::of_models(SERVED.url(), || SMALL.url().to_owned()));
}

// It forbids nothing, knows no passwords, plugins and schemas, and its clock is no clock: what is about these is not here.
scenarios! {
    model:
    objects {
        create_and_read,
        what_is_missing,
        create_is_exclusive,
        add_makes_ids,
        get_or_create,
        replace,
        update_what_was_read,
        overwrite,
        if_match,
        get_if_changed,
        delete,
        ids_are_those_of_the_data,
    }
    lists {
        all_of_it_in_any_order,
        values_of_all_types_in_order,
        fields,
        pages_and_limits,
        a_list_that_changes_while_it_is_read,
        counts_and_timestamps,
        if_changed,
        since_and_before,
        with_deleted,
        since_the_beginning,
    }
    filters {
        equality_is_typed,
        comparisons,
        one_of_many,
        presence,
        arrays,
        counting,
        what_the_server_cannot_express,
        what_is_no_array,
    }
    following {
        what_is_new_and_what_is_gone,
        where_all_are_ones_own,
        in_small_pages,
        as_it_was_long_ago,
        what_changes_while_it_is_read,
        s15_deleted_and_made_anew,
        of_another_place,
        s14_forced_into_the_past,
    }
    pouring {
        thousands_in_few_requests,
        what_is_as_it_is_wanted_stays,
        the_last_of_an_id_stays,
        ways_to_write,
        groups_and_collections_too,
    }
    records {
        json_comes_back_as_it_was,
        numbers_too_large,
        large_records_and_lists,
        own_types,
        types_with_the_servers_fields,
        optional_and_wrapped_server_fields,
        types_that_keep_the_rest,
    }
    patches {
        attributes,
        attributes_and_permissions,
        merge,
        json_patch,
        only_if_it_is_as_it_was,
        what_cannot_be_a_patch,
    }
    deletes {
        all_that_match,
        everything,
        only_if_nothing_changed,
        forced_timestamps,
    }
    batches {
        each_as_if_sent_by_itself,
        what_the_server_is,
        tickets_are_not_mixed_up,
        in_their_order,
        as_many_as_the_server_takes,
        as_many_bytes_as_asked_for,
        what_cannot_be_an_id_harms_no_other,
        in_the_default_bucket,
        side_by_side,
        deletions,
        only_if_it_changed,
    }
    batch_outcomes {
        what_is_already_so_is_no_error,
        reading_changes_nothing,
        what_was_not_sent_is_sent_later,
        kept_by_the_caller,
    }
    batch_surprises {
        s05_a_conflict_undoes_what_was_before_it,
        s05_what_was_undone_comes_first,
        s05_conflicts_end,
        s20_what_is_not_modified_breaks_all,
        s25_paths_with_batch_in_them,
        s31_one_that_the_database_cannot_take,
        s33_the_answer_is_lost,
        s33_nothing_was_done_by_what_was_lost,
        what_was_in_it_is_not_read_after_a_deletion,
        what_cannot_be_sent_twice_stays_unknown,
        s26_s27_patches_other_than_plain,
    }
    modify {
        what_is_not_changed_stays,
        what_is_not_there,
        or_created,
        others_who_are_faster,
        others_who_are_always_faster,
        the_answer_is_lost,
        from_four_at_once_nothing_is_lost,
    }
    plans {
        planned_shown_applied,
        what_changed_since_is_not_overwritten,
        from_another_collection,
        permissions_too,
        groups_and_collections,
        whatever_is_there_and_whatever_is_wanted,
    }
    copies {
        in_the_default_bucket,
        what_the_caller_does_not_see,
        others_who_are_faster,
        broken_connections,
        moved_with_a_change_in_between,
    }
    permissions {
        of_buckets_and_collections,
        s09_not_visible_is_not_nobody,
    }
    sharing {
        what_is_not_visible_is_not_changed,
        others_who_are_faster,
    }
    exports {
        there_and_back,
        only_what_was_asked_for,
        a_collection_under_another_name,
        an_interrupted_export_goes_on,
        an_interrupted_import_goes_on,
        an_import_goes_on_where_it_failed,
        what_is_extra,
        changed_while_it_is_exported,
        from_one_server_to_another,
        files_are_not_claimed,
    }
    list_surprises {
        s10_deleting_a_list_takes_several_requests,
        s12_a_selection_hides_what_is_deleted,
        s34_ids_are_text,
        s35_values_have_types,
        s36_no_commas_in_lists_of_values,
        s38_unknown_filters_do_not_fail,
        s42_the_next_page_of_another_bucket,
        s43_if_none_match_on_the_second_page,
        s44_totals_only_on_head,
        s45_pages_that_nobody_asked_for,
        s46_what_only_looks_deleted,
        s39_nothing_twice,
    }
    trees {
        there_and_back,
        what_is_not_named,
        records_that_are_extra,
        several_buckets,
        many_records,
        what_is_no_whole_tree,
    }
    server {
        its_parts_work,
        headers_and_the_name_of_the_program,
    }
    surprises {
        s01_if_match_is_best_effort,
        s01_creating_is_exclusive,
        s04_post_with_an_id_that_exists,
        s07_no_data_and_empty_data,
        s08_put_empties_the_other_permissions,
        s28_post_with_if_match,
        s29_if_none_match_star_on_a_list,
        s30_only_strong_etags,
        s48_groups_without_members,
        s51_reading_the_default_bucket_writes,
        s55_every_write_is_a_change,
        s56_null_is_a_value,
    }
    errors {
        what_is_not_there,
        what_is_not_there_to_be_asked_about,
        what_is_not_there_to_be_replaced,
        what_cannot_be_an_id,
        what_changed_meanwhile,
    }
}
