//! Every operation against a real server: one source, two front-ends, two backends, and an older version.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[macro_use]
mod each;

mod accounts;
mod batch_outcomes;
mod batch_servers;
mod batch_surprises;
mod batches;
mod canned;
mod certificates;
mod changesets;
mod context;
mod copied_files;
mod copies;
mod deletes;
mod downloads;
mod driver;
mod errors;
mod exports;
mod file_host;
mod files;
mod filters;
mod following;
mod history;
mod hostile_files;
mod identity;
mod kept_files;
mod list_surprises;
mod lists;
mod logins;
mod lost_reviews;
mod model;
mod modify;
mod objects;
mod own_servers;
mod patches;
mod permissions;
mod planned_files;
mod plans;
mod plugins;
mod pouring;
mod records;
mod refused_uploads;
mod reviews;
mod server;
mod servers;
mod sharing;
mod surprises;
mod trees;
mod uploads;
mod verified;
mod with_the_record;
mod wizard;

scenarios! {
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
        a_cursor_of_ones_own,
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
        text,
        arrays,
        counting,
        what_the_server_cannot_express,
    }
    following {
        what_is_new_and_what_is_gone,
        where_all_are_ones_own,
        in_small_pages,
        as_it_was_long_ago,
        what_changes_while_it_is_read,
        s15_deleted_and_made_anew,
        s16_what_is_only_shared,
        what_one_may_only_add_to,
        of_another_place,
        s14_forced_into_the_past,
    }
    pouring {
        thousands_in_few_requests,
        what_is_as_it_is_wanted_stays,
        each_failure_has_its_position,
        the_last_of_an_id_stays,
        ways_to_write,
        groups_and_collections_too,
    }
    records {
        json_comes_back_as_it_was,
        floats_that_the_server_changes,
        numbers_too_large,
        large_records_and_lists,
        own_types,
        types_with_the_servers_fields,
        optional_and_wrapped_server_fields,
        types_that_keep_the_rest,
        groups,
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
        what_is_others_stays,
        a_cursor_of_ones_own,
        forced_timestamps,
    }
    batches {
        each_as_if_sent_by_itself,
        what_the_server_is,
        tickets_are_not_mixed_up,
        in_their_order,
        as_many_as_the_server_takes,
        as_many_bytes_as_asked_for,
        names_of_all_sorts,
        what_cannot_be_an_id_harms_no_other,
        in_the_default_bucket,
        side_by_side,
        deletions,
        only_if_it_changed,
    }
    batch_outcomes {
        how_each_of_them_ended,
        what_is_already_so_is_no_error,
        reading_changes_nothing,
        each_its_own_401,
        what_was_not_sent_is_sent_later,
        kept_by_the_caller,
    }
    batch_servers {
        servers_without_batches,
        a_limit_that_was_not_told,
    }
    batch_surprises {
        s05_a_conflict_undoes_what_was_before_it,
        s05_what_was_undone_comes_first,
        s05_conflicts_end,
        s20_what_is_not_modified_breaks_all,
        s25_paths_with_batch_in_them,
        s26_s27_patches_other_than_plain,
        s31_one_that_the_database_cannot_take,
        s33_the_answer_is_lost,
        s33_nothing_was_done_by_what_was_lost,
        s33_the_answer_to_a_deletion_is_lost,
        what_is_left_can_be_looked_up,
        what_is_made_after_a_deletion_stays,
        what_was_in_it_is_not_read_after_a_deletion,
        what_cannot_be_sent_twice_stays_unknown,
    }
    modify {
        what_is_not_changed_stays,
        what_changes_nothing_writes_nothing,
        what_is_not_there,
        or_created,
        s49_or_created_a_bucket,
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
        what_the_server_refuses,
        whatever_is_there_and_whatever_is_wanted,
    }
    copies {
        a_collection_within_a_server,
        a_bucket_to_another_server,
        in_the_default_bucket,
        what_the_caller_does_not_see,
        others_who_are_faster,
        broken_connections,
        moved,
        moved_with_a_change_in_between,
    }
    permissions {
        on_every_write,
        get_or_create_what_others_shared,
        of_buckets_and_collections,
        by_groups,
        s09_not_visible_is_not_nobody,
        s03_json_patch_by_inheritance,
        what_i_was_given,
    }
    sharing {
        what_is_not_named_stays,
        rights_to_create,
        what_is_not_visible_is_not_changed,
        others_who_are_faster,
        members_come_and_go,
        what_one_was_given,
        a_selection_of_its_fields,
        what_one_was_given_page_by_page,
    }
    accounts {
        from_signing_up_to_the_end,
        a_name_that_is_taken,
        the_server_tells_the_hash_to_anybody,
        what_cannot_be_an_account,
        passwords_are_shown_nowhere,
        the_answer_is_lost,
    }
    history {
        who_did_what,
        filters_know_all_its_fields,
        a_selection_of_its_fields,
        purging,
        what_one_could_not_read_is_not_shown,
        page_by_page,
    }
    exports {
        there_and_back,
        only_what_was_asked_for,
        a_collection_under_another_name,
        what_is_not_visible,
        an_interrupted_export_goes_on,
        an_interrupted_import_goes_on,
        an_import_goes_on_where_it_failed,
        what_is_extra,
        what_the_server_does_not_take,
        changed_while_it_is_exported,
        from_one_server_to_another,
        files_are_not_claimed,
        the_personal_bucket,
    }
    trees {
        there_and_back,
        what_is_not_named,
        who_may_not_see_what_it_is_in,
        records_that_are_extra,
        several_buckets,
        many_records,
        what_is_no_whole_tree,
    }
    server {
        who_one_is,
        its_parts_work,
        headers_and_the_name_of_the_program,
        any_other_endpoint,
        the_default_bucket,
    }
    surprises {
        s01_if_match_is_best_effort,
        s01_creating_is_exclusive,
        s04_post_with_an_id_that_exists,
        s07_no_data_and_empty_data,
        s08_put_empties_the_other_permissions,
        s19_wrong_credentials_are_none,
        s28_post_with_if_match,
        s29_if_none_match_star_on_a_list,
        s30_only_strong_etags,
        s48_groups_without_members,
        s49_missing_buckets_are_forbidden,
        s50_errors_without_a_message,
        s51_reading_the_default_bucket_writes,
        s52_default_inside_of_ids,
        s55_every_write_is_a_change,
        s56_null_is_a_value,
    }
    list_surprises {
        s10_deleting_a_list_takes_several_requests,
        s12_a_selection_hides_what_is_deleted,
        s34_ids_are_text,
        s35_values_have_types,
        s36_no_commas_in_lists_of_values,
        s37_what_lacks_the_field_is_above_all,
        s38_unknown_filters_do_not_fail,
        s39_nothing_twice,
        s41_since_null,
        s42_the_next_page_of_another_bucket,
        s42_the_next_page_on_another_host,
        s43_if_none_match_on_the_second_page,
        s44_totals_only_on_head,
        s45_pages_that_nobody_asked_for,
        s46_what_only_looks_deleted,
        s49_missing_buckets_to_those_who_see_all,
    }
    errors {
        a_wrong_path_in_the_url,
        a_url_without_a_version,
        what_is_no_url,
        nobody_there,
        something_else_there,
        a_wrong_password,
        what_is_not_there,
        what_others_may_not_make,
        what_is_not_there_to_be_asked_about,
        what_is_not_there_to_be_replaced,
        what_cannot_be_an_id,
        what_changed_meanwhile,
        what_the_server_finds_invalid,
        a_proxy_that_answers_for_the_server,
        another_service_that_speaks_json,
    }
}

// Kinto 16 takes the first two for requests like any other, is of another version, and has neither snapshots nor counters.
// Nor has it files.

scenarios! {
    newer:
    filters {
        what_is_no_array,
    }
    list_surprises {
        s40_since_a_timestamp_to_come,
    }
    following {
        s40_ahead_of_the_clock,
    }
    server {
        what_it_is,
    }
    history {
        a_collection_as_it_was,
        a_record_that_was_deleted_and_made_again,
        the_plugin_is_asked_for_once,
    }
    plugins {
        what_the_server_tells_of_itself,
        in_a_batch,
        counting_deleting_and_erasing,
    }
    uploads {
        from_memory_a_file_and_a_reader,
        nothing_and_much,
        what_cannot_be_read,
        with_data_and_permissions,
        progress,
        names_of_all_sorts,
    }
    refused_uploads {
        here,
        s06_by_the_server,
        who_may,
    }
    downloads {
        into_memory_a_writer_and_a_file,
        what_is_here_already,
        where_it_cannot_go,
        read_only_folders_and_links,
        what_is_not_what_it_was,
        what_is_not_attached,
        broken_connections,
        changed_in_the_middle,
        elsewhere,
    }
    hostile_files {
        names,
        locations,
        sizes_and_hashes,
    }
    with_the_record {
        both_or_none,
        what_fails_on_the_way,
        others_who_are_faster,
        removing,
        of_own_types,
    }
    kept_files {
        the_same_is_not_sent,
        the_same_that_is_to_be_another,
        in_the_default_bucket,
    }
    copied_files {
        with_their_records,
        what_cannot_be_copied,
        moved,
    }
    planned_files {
        from_one_server_to_another,
        what_somebody_changed_is_not_overwritten,
        content_of_the_callers,
        what_is_not_what_its_record_says,
        broken_connections,
    }
}

scenarios! {
    alone:
    trees {
        who_may_not_make_buckets,
    }
    wizard {
        what_it_dumps,
        what_it_loads,
    }
    own_servers {
        readonly_and_ending_and_silent,
        ended,
    }
    batch_servers {
        three_at_a_time_and_wide_ids,
        as_many_as_one_likes_or_one,
        s53_read_only_servers_refuse_batches,
    }
    plugins {
        what_is_missing_has_a_name,
    }
    logins {
        with_the_only_provider,
        with_a_real_browser,
        with_one_of_several,
        s58_a_token_of_another_type,
        when_the_provider_refuses,
        whoever_else_comes,
        when_nobody_signs_in,
        side_by_side,
    }
    uploads {
        media_types,
    }
    downloads {
        by_a_path_alone,
    }
    refused_uploads {
        not_where_all_are_taken,
    }
}

scenarios! {
    signer:
    reviews {
        from_the_first_change_to_the_signature,
        back_to_what_is_published,
        what_was_looked_at,
        signed_anew,
        until_it_is_signed,
        until_others_have_signed_it,
        where_it_takes_place,
        where_there_are_none,
    }
    plans {
        then_a_review,
    }
    planned_files {
        where_there_are_none,
    }
    copies {
        of_a_reviewed_collection,
    }
    lost_reviews {
        refused_and_written_all_the_same,
    }
    changesets {
        all_of_it,
        what_changed_since,
        of_own_types,
        who_may_read_it,
        which_changed,
        which_changed_since,
        too_long_ago_to_tell,
        what_is_broadcast,
        where_there_are_no_changesets,
    }
    verified {
        whatever_the_server_signs,
        as_the_signer_writes_it,
        kept_up_to_date,
        who_has_not_signed,
        what_was_changed_on_the_way,
    }
    certificates {
        from_the_servers_key_to_the_root,
        fetched_from_where_the_signature_says,
        refused_with_a_line_each,
    }
    refused_uploads {
        where_there_are_none,
    }
}

scenarios! {
    signer_postgresql:
    reviews {
        from_the_first_change_to_the_signature,
        back_to_what_is_published,
        what_was_looked_at,
        signed_anew,
        until_it_is_signed,
        until_others_have_signed_it,
        what_is_refused,
    }
    plans {
        then_a_review,
    }
    copies {
        of_a_reviewed_collection,
    }
    lost_reviews {
        the_answer_to_a_step_is_lost,
        the_answer_to_a_step_on_condition_is_lost,
        the_refusal_of_a_step_is_lost,
    }
    changesets {
        all_of_it,
        what_changed_since,
        of_own_types,
        who_may_read_it,
        which_changed,
        which_changed_since,
        too_long_ago_to_tell,
        what_is_broadcast,
    }
    verified {
        whatever_the_server_signs,
        kept_up_to_date,
    }
}
